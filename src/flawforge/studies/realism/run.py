"""The score: do the generated images look real, and is all that is real there?

Every number stands beside the same number for real images of other material, at the same sizes, since alone it
means nothing: see `flawforge.studies.realism.comparison`. What is compared with what:
`flawforge.studies.sets.held_out`.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from flawforge.core.arrays import Ints
from flawforge.core.errors import SettingError
from flawforge.core.images import Pixels
from flawforge.core.progress import SILENT, Progress
from flawforge.core.seeds import numpy_stream
from flawforge.core.settings.recipes import Recipe
from flawforge.data.augmentation.classical import classical
from flawforge.data.cache import trim_features
from flawforge.data.dataset import Dataset
from flawforge.data.threads import in_threads
from flawforge.models.extractors import DEFAULT, Extractor, find_extractor
from flawforge.runs.folder import Run
from flawforge.runs.records import save_record
from flawforge.runs.scores import ScoreRecord
from flawforge.runs.versions import now, versions
from flawforge.studies.realism.comparison import Cast, compare, draw_halves
from flawforge.studies.realism.descriptors import Described, describe, pixel_key
from flawforge.studies.realism.extras import class_scores, confusion, infinite, levels, spectra, without_transforms
from flawforge.studies.realism.extremes import keep_realism, ranked_realism
from flawforge.studies.realism.sentences import score_sentence
from flawforge.studies.realism.subsets import Chosen, choose, too_few
from flawforge.studies.sets import HeldOut, MatchedImages, SyntheticSet, find_held_out, flip_pixels
from flawforge.training.processes.device import resolve_device

FLIPS = ("identity", "flip-horizontal", "flip-vertical", "turn-180")
CLASSICAL = 1000  # transformed images at most


def score(
    run: Run | str | Path,
    *,
    data: Dataset | str | Path | None = None,
    synthetic: str | Path | None = None,
    extractor: str | Path = DEFAULT,
    held_out: Dataset | str | Path | None = None,
    device: str = "auto",
    seed: int = 0,
    pictures: int = 8,
    command: str = "flawforge.score(...)",
    progress: Progress = SILENT,
) -> ScoreRecord:
    """Measure fidelity and diversity of the synthetic set, and write ``records/score.json``.

    Images are compared at the network's resolution: what is finer than that, the generator has never seen, and neither
    does the score.

    Args:
        run: a run with a complete synthetic set.
        data: the images that the run was trained on, or chosen from, if they have moved since.
        synthetic: folder of another set than the run's own.
        extractor: ``effnet-lite0``, ``pixels``, or an ONNX file (extra ``export``). Numbers of different extractors
            are not comparable.
        held_out: real images that training did not see. None: the other images of the same classes in the data, where
            training took a part of them (`shots`); else the training images, and the record says so.
        device: ``auto``, ``cpu``, ``cuda``, ... where features are computed.
        seed: of the random halves, the bootstrap and the classical transforms.
        pictures: of so many of the most and of the least realistic images, pictures are kept; 0 keeps none.
        command: what to write into the record.
        progress: where to tell how far it is.

    Returns:
        The record. With too few images or groups its numbers are missing, and `why` says so.

    Raises:
        RunNotFoundError: no run, or no complete synthetic set. DataNotFoundError, DataUnusableError: the training
        images are gone or changed, or `held_out` holds some of them. SettingError: an argument. ExtraMissingError: an
        ONNX file without the extra. WeightsMissingError: the feature network. DeviceError: no such device.
    """
    if pictures < 0 or seed < 0:
        raise SettingError(f"--pictures is {pictures} and --seed is {seed}; both are whole numbers, from 0.")
    run = run if isinstance(run, Run) else Run.open(run)
    found = find_extractor(extractor, resolve_device(device))
    made = SyntheticSet.open(synthetic if synthetic is not None else run)
    real = find_held_out(run, data, held_out, progress)
    settings = run.settings
    resolution = Recipe.parse(settings["recipe"], where=str(run.settings_file)).resolution
    matched = MatchedImages(real.data, made, resolution, int(settings["channels"]), "all")

    generated = describe(matched.generated, len(made), _white(matched, made), found, "generated images", progress)
    copies = _count_copies(matched, real, generated.keys, progress)
    chosen = choose(real, [entry.label for entry in matched.entries], seed)
    why = too_few(real, chosen)
    about: dict[str, Any] = {
        "made": now(), "versions": versions(), "command": command,
        "inputs": {
            "synthetic": made.facts["manifest_sha256"], "data": settings["data"]["fingerprint"], "real": real.source,
            "extractor": f"{found.name} {found.version}", "seed": str(seed),
        },
        "extractor": found.name, "width": generated.features.shape[1], "against": real.against,
        "resolution": matched.resolution, "n_generated": len(made), "n_used": len(chosen.generated),
        "n_training": len(real.training), "n_reference": len(chosen.reference),
        "groups": len(np.unique(real.groups[chosen.reference])), "seed": seed, "exact_copies": copies, "why": why,
    }  # fmt: skip
    numbers = _nothing() if why else _measure(run, matched, real, found, generated, chosen, seed, pictures, progress)
    notes = [*real.notes, *chosen.notes, *numbers.pop("notes")]
    record = ScoreRecord(**about, **numbers, notes=notes, sentence="")
    record = record.model_copy(update={"sentence": score_sentence(record)})
    save_record(run, "score", record)
    trim_features()
    return record


def _measure(
    run: Run,
    matched: MatchedImages,
    real: HeldOut,
    extractor: Extractor,
    generated: Described,
    chosen: Chosen,
    seed: int,
    pictures: int,
    progress: Progress,
) -> dict[str, Any]:
    """Return the fields of the record that hold numbers."""
    reference = _describe_real(matched, chosen.reference, extractor, progress)
    transformed, sources = _describe_classical(matched, real, chosen, extractor, seed, progress)
    labels, codes = np.unique(real.labels(chosen.reference), return_inverse=True)
    cast = Cast(
        reference, real.groups[chosen.reference], codes.reshape(-1), generated.take(chosen.generated), transformed,
        sources, real.against != "training",
    )  # fmt: skip
    halves = draw_halves(cast, seed)
    with progress.task("comparing", 3, "parts") as task:
        quantities = compare(cast, halves, seed)
        task.advance()
        own, every = _all_of_each_class(cast, matched, generated, chosen)
        per_class = class_scores(every, labels.tolist(), own, seed)
        task.advance()
        whole, pair = infinite(cast, seed), infinite(cast, seed, halves[0])
        shown = spectra(cast, halves, matched.resolution)
        task.advance()
    ranked = ranked_realism(matched, cast, generated)
    best, worst = keep_realism(run, matched, ranked, pictures)
    return {
        "halves": len(halves), "half": min(len(half.b) for half in halves), "quantities": quantities,
        "infinite": whole, "infinite_real": pair, "classes": per_class,
        "confusion": confusion(every, labels.tolist(), own), "spectra": shown, "levels": levels(cast), "best": best,
        "worst": worst, "notes": without_transforms(quantities),
    }  # fmt: skip


def _all_of_each_class(
    cast: Cast, matched: MatchedImages, generated: Described, chosen: Chosen
) -> tuple[list[str], Cast]:
    """Return the classes of all generated images of the compared classes, and the cast with all of them.

    Proportions matter for the set as one. Class by class they would take away most images of a rare defect.
    """
    labels = [entry.label for entry in matched.entries]
    rows = np.array([row for row, label in enumerate(labels) if not chosen.classes or label in chosen.classes])
    return [labels[row] for row in rows], replace(cast, generated=generated.take(rows))


def _describe_real(matched: MatchedImages, rows: Ints, extractor: Extractor, progress: Progress) -> Described:
    def read(place: int) -> Pixels:
        return matched.real(int(rows[place]))

    return describe(read, len(rows), matched.training.white, extractor, "real images", progress)


def _describe_classical(
    matched: MatchedImages, real: HeldOut, chosen: Chosen, extractor: Extractor, seed: int, progress: Progress
) -> tuple[Described, Ints]:
    """Transform training images, classes in the reference's proportions; also return the groups of their sources."""
    count = min(CLASSICAL, max(2 * len(real.training), len(chosen.generated)))
    taken = _sources(real, chosen, count, seed)
    white = matched.training.white

    def read(place: int) -> Pixels:
        image = matched.real(int(taken[place])).transpose(1, 2, 0)
        changed = classical(image, white, numpy_stream(seed, "augmentation", "score", place))
        return np.ascontiguousarray(changed.transpose(2, 0, 1))

    return describe(read, len(taken), white, extractor, "classical transforms", progress), real.groups[taken]


def _sources(real: HeldOut, chosen: Chosen, count: int, seed: int) -> Ints:
    """Return about `count` training rows to transform, each as often as any other of its class."""
    own, wanted = real.labels(real.training), real.labels(chosen.reference)
    shared = sorted(set(own.tolist()) & set(wanted.tolist()))
    taken = []
    for label in shared or [None]:
        rows = real.training if label is None else real.training[own == label]
        share = 1.0 if label is None else float((wanted == label).sum() / np.isin(wanted, shared).sum())
        order = numpy_stream(seed, "augmentation", "score", str(label)).permutation(len(rows))
        taken.append(rows[order[np.arange(max(1, round(share * count))) % len(rows)]])
    return np.concatenate(taken)


def _count_copies(matched: MatchedImages, real: HeldOut, keys: tuple[str, ...], progress: Progress) -> int:
    """Count generated images that equal a training image in every compared pixel, directly or mirrored."""
    white = matched.training.white

    def mirrored(row: int) -> list[str]:
        image = matched.real(row).transpose(1, 2, 0)
        return [pixel_key(flip_pixels(image, flip).transpose(2, 0, 1), white) for flip in FLIPS]

    known: set[str] = set()
    with progress.task("looking for training images among them", len(real.training), "images") as task:
        for found in in_threads(mirrored, real.training.tolist()):
            known.update(found)
            task.advance()
    return sum(key in known for key in keys)


def _white(matched: MatchedImages, made: SyntheticSet) -> int:
    return matched.training.white if matched.training.bits == 8 else int(made.facts["white"])


def _nothing() -> dict[str, Any]:
    empty: dict[str, Any] = dict.fromkeys(("infinite", "infinite_real", "confusion", "spectra", "levels"))
    lists: dict[str, Any] = {name: [] for name in ("quantities", "classes", "best", "worst", "notes")}
    return {**empty, **lists, "halves": 0, "half": 0}
