"""Measure the audit's search for copied defects: are its alarms as rare as it says, and does it find what is moved?

Half of the specimens of magnetic tiles, or of steel, are training images; the defects of the others are honest ones.
Planted are defects of training images, turned, in another strength, on the ground of another image, in its light. A
pair of honest and training defects that agrees by 1.0 or more shows one specimen under two names: such are counted and
left out, as the audit leaves them out of its scale.

With several draws, each takes other specimens for training, and the recall of all stands at the end with its interval
(Clopper and Pearson, as if each planted defect were a draw of its own).

    python benchmarks/defect_copies.py [--sets tiles,neu] [--images 60] [--planted 200] [--draws 0,1,2] [--json FILE]
"""

from __future__ import annotations

import argparse
import os
import time
from pathlib import Path
from typing import Any

import numpy as np
from scipy.stats import binomtest

from audit_calibration import united_groups
from flawforge.core.seeds import numpy_stream
from flawforge.data.reading.load import load
from flawforge.data.sampling.material import floats
from flawforge.metrics.copying.defect_agreement import DefectMatch
from flawforge.studies.copies.defects import FLOOR, SAME, DefectSearch, marked_parts, moved, patch_of_defect
from flawforge.studies.copies.search import IMAGE_RATE, PATCH_ALARM, lowest_copy
from machine import keep

FOLDER = Path(os.environ.get("FLAWFORGE_DATA", "../shared/data"))
STEEL = ("inclusion", "patches", "scratches")
AUDITED = 64  # images of an audit, for the score that flags one of them
NONE = np.zeros(0, np.int64)


def main() -> None:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sets", default="tiles,neu")
    parser.add_argument("--images", type=int, default=60, help="of each class, at most")
    parser.add_argument("--planted", type=int, default=200)
    parser.add_argument("--draws", default="0", help="numbers of the draws of specimens")
    parser.add_argument("--json", type=Path)
    args = parser.parse_args()
    rows = []
    for name in args.sets.split(","):
        own = [measured(name, args.images, args.planted, draw) for draw in map(int, args.draws.split(","))]
        rows += own
        for what in ("recall", "recall_limit", "flagged"):
            planted = args.planted * len(own)
            found = round(sum(row[what] for row in own) * args.planted)
            low, high = binomtest(found, planted).proportion_ci()
            print(
                f"{name}: {what} {found} of {planted}, {found / planted:.4f} (95% {low:.4f} to {high:.4f})", flush=True
            )
    keep(args.json, {"rows": rows})
    print(f"figure: recall {min(row['recall'] for row in rows):.4f}")


def measured(name: str, images: int, planted: int, draw: int) -> dict[str, Any]:
    """Measure one draw of a set, print what was found, and return it."""
    folder = FOLDER / {"tiles": "magnetic-tile", "neu": "neu-det"}[name]
    draws = numpy_stream(draw, "order", "moved", name)
    data = load(folder)
    labels = [label for label in data.classes if label != "good"] if name == "tiles" else STEEL
    groups = united_groups(data, folder)
    own = [[row for row, one in enumerate(data.samples) if one.label == label] for label in labels]
    chosen = np.concatenate([draws.permutation(rows)[:images] for rows in own])
    marked = [(floats(data.read(row), data, 1), data.mask(row, data.samples[row].label)) for row in chosen.tolist()]
    order = draws.permutation(np.unique(groups[chosen]))
    training = np.flatnonzero(np.isin(groups[chosen], order[: len(order) // 2]))
    others = np.setdiff1d(np.arange(len(chosen)), training)
    search = DefectSearch([marked[row] for row in training], groups[chosen][training])
    scale = search.scale()
    assert scale is not None
    started, honest = time.process_time(), list[float]()
    for row in others.tolist():
        patches = map(patch_of_defect, marked_parts(*marked[row]))
        found = [search.look(patch, NONE) for patch in patches if patch is not None]
        honest.append(max(found, key=lambda match: match.score, default=DefectMatch(0.0)).score)
    seconds = (time.process_time() - started) / len(others)
    scores = np.array(honest)
    kept = scores[scores < SAME]
    limit, flags = scale.threshold(IMAGE_RATE), lowest_copy(scale, AUDITED, PATCH_ALARM, FLOOR)
    ranked = float(np.quantile(kept, 1 - IMAGE_RATE, method="higher"))
    hits: list[tuple[float, bool]] = []
    while len(hits) < planted:
        at = int(draws.integers(len(search.patches)))
        patch = moved(search.defects[at], marked[int(draws.choice(others))][0], draws)
        if patch is not None:
            match = search.look(patch, NONE)
            right = match.reference >= 0 and search.groups[match.reference] == search.groups[at]
            hits.append((match.score, bool(right)))
    found_ranked, found_limit, found_flags = (
        float(np.mean([right and score >= at for score, right in hits])) for at in (ranked, limit, flags)
    )
    print(
        f"{name}: {len(search.patches)} training defects, {len(scores)} honest images ({len(scores) - len(kept)} show "
        f"a training specimen under another name), {seconds:.2f} s an image\n"
        f"  honest at most {kept.max():.2f}; above the audit's 1 % score {limit:.2f}: {int((kept >= limit).sum())}\n"
        f"  of {planted} moved defects found: {found_ranked:.3f} at the score {ranked:.2f} that 1 % of honest "
        f"ones reach; {found_limit:.3f} at the audit's; {found_flags:.3f} flagged in an audit of "
        f"{AUDITED} (from {flags:.2f})",
        flush=True,
    )
    return {
        "set": name,
        "draw": draw,
        "honest": scores.tolist(),
        "planted": [list(hit) for hit in hits],
        "limit": limit,
        "flags": flags,
        "ranked": ranked,
        "recall": found_ranked,
        "recall_limit": found_limit,
        "flagged": found_flags,
        "seconds": seconds,
    }


if __name__ == "__main__":
    main()
