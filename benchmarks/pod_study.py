"""How small a defect on magnetic tiles do two models find: one trained on defects, and one that knows good images?

    python benchmarks/pod_study.py [--classes blowhole,crack] [--shots 10] [--out FOLDER] [--json FILE]

A run of composed images names the real defects that are placed; one trial of good or defective, one repeat, trains both
models on the same images: a linear layer on frozen features (arm `classical`) and the memory bank of good patches (arm
`one-class`). `pod` asks each. What is in --out is not made again. The figure is the seconds of both studies together.
"""

from __future__ import annotations

import argparse
import os
import shutil
import time
from pathlib import Path
from typing import Any

from flawforge import pod, train, trial
from flawforge.runs.folder import Run
from flawforge.runs.trials import read_trial
from flawforge.studies.trial.keep import keep_models
from flawforge.studies.trial.setup.bench import load_bench
from machine import keep

TILES = Path(os.environ.get("FLAWFORGE_DATA", "../shared/data")) / "magnetic-tile"
MODEL, ARMS = "effnet-probe", ("classical", "one-class")


def main() -> None:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--classes", default="blowhole,crack")
    parser.add_argument("--shots", type=int, default=10)
    parser.add_argument("--out", type=Path, default=Path("pod-study"))
    parser.add_argument("--json", type=Path)
    args = parser.parse_args()
    started = time.monotonic()
    classes, run, first = args.classes.split(","), Run(args.out / "run"), args.out / ARMS[0]
    if not run.settings_file.is_file():
        train(TILES, run.path, "compose", classes=classes, shots=args.shots, previews=0)
    if not first.is_dir():
        how: dict[str, Any] = {"task": "good", "arms": ("real", *ARMS), "models": (MODEL,), "shots": (args.shots,)}
        trial(TILES, first, seeds=1, folds=0, workers=1, early_stop=False, **how)
    rows = []
    for arm in ARMS:
        folder = args.out / arm
        if arm != ARMS[0] and not folder.is_dir():
            shutil.copytree(first, folder)
            shutil.rmtree(folder / "model")
        record = read_trial(folder)
        asked = [one.model_copy(update={"arm": arm, "why": "asked for", "gain": None}) for one in record.advised]
        keep_models(folder, load_bench(folder), record.model_copy(update={"advised": asked}))
        found = pod(run, inspector=str(folder), out=args.out / f"pod-{arm}")
        alarms = found.false_calls
        print(f"\n{arm}: false calls {'not measured' if alarms is None else f'{alarms.count} of {alarms.total}'}")
        for one in found.classes:
            print(f"  {one.label}, {one.found} of {len(one.placed)} placed found. {one.sentence}")
            print("\n".join(f"    {note}" for note in one.notes), flush=True)
        rows.append({"arm": arm, "record": found.model_dump(mode="json")})
    seconds = time.monotonic() - started
    keep(args.json, {"rows": rows, "seconds": seconds})
    print(f"figure: seconds {seconds:.0f}")


if __name__ == "__main__":
    main()
