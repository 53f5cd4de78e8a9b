"""The score: do the generated images look real, and is all that is real there?

Every number stands beside the same number for real images of other material, at the same sizes, since alone it
means nothing: see `flawforge.studies.realism.comparison`. What is compared with what:
`flawforge.studies.sets.held_out`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from flawforge.core.arrays import Ints
from flawforge.core.images import Pixels
from flawforge.core.progress import SILENT, Progress
from flawforge.core.seeds import numpy_stream
from flawforge.core.settings.bounds import check_numbers
from flawforge.data.augmentation.classical import classical
from flawforge.data.cache import trim_features
from flawforge.data.dataset import Dataset
from flawforge.data.inspection.warnings import tell_warnings
from flawforge.data.threads import told_in_threads
from flawforge.models.extractors import DEFAULT, Extractor, find_extractor
from flawforge.runs.folder import Run
from flawforge.runs.judged.maps import MAP_FILE, FeatureMap, PointKind
from flawforge.runs.judged.scores import BeyondCopies, FullSize, ScoreRecord
from flawforge.runs.records import write_record
from flawforge.runs.versions import now, versions
from flawforge.studies.realism.beyond import Copier, beyond_copies, class_inputs
from flawforge.studies.realism.blind import keep_blind
from flawforge.studies.realism.comparison import ComparedSets, draw_halves, find_faults
from flawforge.studies.realism.descriptors import DescribedImages, describe_images
from flawforge.studies.realism.extras import confusion_of, gray_levels, keep_extremes, mean_spectra, without_transforms
from flawforge.studies.realism.feature_map import MappedImages, draw_map, thinned
from flawforge.studies.realism.full_size import draw_images, measure_full_size
from flawforge.studies.realism.placed_defects import (
    change_notes,
    compare_defects,
    placed_beside_real,
    shown_defects,
    told_apart,
)
from flawforge.studies.realism.sentences import score_sentence
from flawforge.studies.realism.set_numbers import SetNumbers, measure_sets
from flawforge.studies.realism.subsets import ComparedRows, choose_rows, too_few
from flawforge.studies.sets import HeldOut, Images, Judged, MatchedImages, flip_pixels, open_judged, pixel_key
from flawforge.training.processes.device import resolve_device

FLIPS = ("identity", "flip-horizontal", "flip-vertical", "turn-180")
TRANSFORMED_IMAGES = 1000  # at most


@dataclass(frozen=True)
class ScoreInputs:
    """What a score is measured from; `generated` are all images of the set."""

    matched: MatchedImages
    real: HeldOut
    chosen: ComparedRows
    generated: DescribedImages
    extractor: Extractor
    seed: int
    progress: Progress

    @cached_property
    def reference(self) -> DescribedImages:
        """The real images that are compared with, described."""
        return self.describe(lambda index: self.matched.real(int(self.chosen.reference[index])), self.chosen.reference)

    def describe(self, read: Callable[[int], Pixels], rows: Ints, title: str = "real images") -> DescribedImages:
        """Describe `read(i)` for every i of (N,) `rows`, in whose groups the images are."""
        white = self.matched.training.white
        return describe_images(read, self.real.groups[rows], white, self.extractor, title, self.progress)


def score(
    run: Run | Images,
    *,
    data: Dataset | str | Path | None = None,
    synthetic: Images | None = None,
    extractor: str | Path = DEFAULT,
    train: Images | None = None,
    held_out: Images | None = None,
    out: str | Path | None = None,
    wait: bool = False,
    device: str = "auto",
    seed: int = 0,
    pictures: int = 8,
    memory_mb: float = 1024,
    command: str = "flawforge.score(...)",
    progress: Progress = SILENT,
) -> ScoreRecord:
    """Measure fidelity and diversity of generated images.

    The images are a run's synthetic set, and the record goes to ``records/score.json`` of the run; or they are from any
    other tool: real images in the run's place, and the generated ones as `synthetic`.

    Those of a run are compared at the network's resolution: what is finer than that, the generator has never seen, and
    neither does the score. Others are compared at 128 pixels at most, both sides levelled.

    Args:
        run: a run with a complete synthetic set; or real images: a dataset, a folder, or arrays, uint8 or uint16
            (n, H, W), uint8 (n, H, W, 3), or class to such arrays.
        data: the images that the run was trained on, or chosen from, if they have moved since.
        synthetic: folder of another set than the run's own; without a run, the generated images, as `run`.
        extractor: ``effnet-lite0``, ``pixels``, or an ONNX file (extra ``export``). Numbers of different extractors
            are not comparable.
        train: without a run, those real images that the generator was trained on. None: each may be one, unless it is
            held out.
        held_out: real images that training did not see. None: of a run, the other images of the same classes in the
            data, where training took a part of them (`shots`); without a run, those not in `train`. Where there are
            none, the images are compared with those that training saw, and the record says so.
        out: folder for the record and its pictures; None: the run's own. Where that cannot be written, and without a
            run, nothing is kept.
        wait: wait for another process that writes the same record; else it is refused.
        device: ``auto``, ``cpu``, ``cuda``, ... where features are computed.
        seed: of the random halves, the bootstrap and the classical transforms.
        pictures: of so many of the most and of the least realistic images, pictures are kept; 0 keeps none.
        memory_mb: bound, in MB, on the memory that images from elsewhere take; what is beyond it waits in a file.
        command: what to write into the record.
        progress: where to tell how far it is.

    Returns:
        The record. With too few images or groups its numbers are missing, and `why` says so.

    Raises:
        RunNotFoundError: no run, or no complete synthetic set.
        DataNotFoundError, DataUnusableError: the images are gone or changed, or `held_out` holds training images.
        SettingError: an argument.
        ExtraMissingError: an ONNX file without the extra.
        WeightsMissingError: the feature network.
        DeviceError: no such device.
        RunUnwritableError: `out` cannot be written. FolderBusyError: another process writes the same record.
    """
    check_numbers(pictures=pictures, seed=seed)
    features = find_extractor(extractor, resolve_device(device))
    given: dict[str, Any] = {"data": data, "train": train, "held_out": held_out, "synthetic": synthetic, "out": out}
    given |= {"kind": "score", "wait": wait, "command": command, "progress": progress}
    given |= {"channels": "all", "memory": memory_mb * 1e6, "structures": True}
    with open_judged(run, **given) as judged:
        real = judged.real
        matched = replace(judged.matched, training=real.data)
        rows = np.arange(len(judged.generated))
        white = real.data.white if real.data.bits == 8 else int(judged.generated.facts["white"])
        generated = describe_images(matched.generated, rows, white, features, "generated images", progress)
        chosen = choose_rows(real, [entry.label for entry in matched.entries], seed)
        why = too_few(real, chosen)
        inputs = ScoreInputs(matched, real, chosen, generated, features, seed, progress)
        numbers = {"notes": [], "outcome": {}} if why else _measure(inputs, judged, pictures if judged.kept else 0)
        counts = {"exact_copies": _count_copies(matched, real, generated.keys, progress), **_counts(inputs), "why": why}
        record = ScoreRecord(
            made=now(),
            versions=versions(),
            command=command,
            data_warnings=tell_warnings(judged.real.data, progress),
            inputs=_inputs(judged, features, seed),
            extractor=features.name,
            width=generated.features.shape[1],
            resolution=matched.resolution,
            n_training=len(real.training),
            groups=len(np.unique(real.groups[chosen.reference])),
            seed=seed,
            levelling=judged.levelling,
            chosen_by_hand=str(judged.generated.by_hand),
            notes=[*judged.notes, *chosen.notes, *numbers.pop("notes")],
            sentence=score_sentence(
                **counts, **numbers.pop("outcome"), coarser=judged.levelling.coarser, resolution=matched.resolution
            ),
            **counts,
            **numbers,
        )
        write_record(judged.records / "score.json", record)
        if not why and len(real.training) > 1:
            write_record(judged.records / MAP_FILE, _map(inputs, judged, command))
    trim_features()
    return record


def _map(inputs: ScoreInputs, judged: Judged, command: str) -> FeatureMap:
    """Return the map of the images that were compared. Features that the score has not taken yet are taken here."""
    matched, real = inputs.matched, inputs.real
    kinds: dict[PointKind, Ints] = {"training": real.training, "generated": np.arange(len(matched.entries))}
    if real.against in ("held-out", "given"):
        kinds["held-out"] = inputs.chosen.reference
    shown = {kind: thinned(rows) for kind, rows in kinds.items()}

    def taken(kind: PointKind) -> MappedImages:
        rows, known = shown[kind], inputs.chosen.reference
        if np.isin(rows, known).all():
            order = np.argsort(known)
            found = inputs.reference.take(order[np.searchsorted(known, rows, sorter=order)])
        else:
            found = inputs.describe(lambda at: matched.real(int(rows[at])), rows, f"{kind} images for the map")
        files = [real.data.samples[row].file for row in rows]
        return MappedImages(kind, found.features, real.labels(rows).tolist(), files)

    entries = [matched.entries[row] for row in shown["generated"]]
    made = inputs.generated.features[shown["generated"]]
    generated = MappedImages("generated", made, [one.label for one in entries], [one.file for one in entries])
    held_out = taken("held-out") if "held-out" in shown else None
    points, shares = draw_map(taken("training"), held_out, generated)
    return FeatureMap(
        made=now(),
        versions=versions(),
        command=command,
        inputs=_inputs(judged, inputs.extractor, inputs.seed),
        extractor=inputs.extractor.name,
        shares=shares,
        points=points,
        left_out={kind: len(rows) - len(shown[kind]) for kind, rows in kinds.items() if len(rows) > len(shown[kind])},
    )


def _counts(inputs: ScoreInputs) -> dict[str, Any]:
    return {
        "n_generated": len(inputs.generated),
        "n_used": len(inputs.chosen.generated),
        "n_reference": len(inputs.chosen.reference),
        "against": inputs.real.against,
    }


def _inputs(judged: Judged, extractor: Extractor, seed: int) -> dict[str, str]:
    return {**judged.inputs, "extractor": f"{extractor.name} {extractor.version}", "seed": str(seed)}


def _measure(inputs: ScoreInputs, judged: Judged, pictures: int) -> dict[str, Any]:
    """Return the fields of the record that hold numbers, and as `outcome` what the sentence says of them."""
    sets, matched, seed = _describe_sets(inputs), inputs.matched, inputs.seed
    halves = draw_halves(sets, seed)
    # Proportions matter for the set as a whole. Class by class they would take away most images of a rare defect.
    classes = inputs.chosen.classes
    rows = [row for row, entry in enumerate(matched.entries) if not classes or entry.label in classes]
    every = replace(sets, generated=inputs.generated.take(np.array(rows)))
    labels = [matched.entries[row].label for row in rows]
    measured = measure_sets(sets, every, labels, inputs.generated, halves, seed, inputs.progress)
    beyond, beyond_sentence = _measure_beyond(inputs, sets)
    full_size = _measure_full_size(inputs, judged.folder if pictures else None)
    at_full_size = [] if full_size is None else full_size.quantities
    best, worst = keep_extremes(judged.folder, matched, sets.reference, inputs.generated, pictures)
    findings, main = find_faults(sets, measured.quantities)
    distinguishable = next(one.outside for one in measured.quantities if one.name == "kid")
    apart = inputs.real.against in ("held-out", "given")
    known = set(sets.reference.keys if apart else ())
    seen = sum(key in known for key in inputs.generated.keys)
    return {
        "held_out_copies": seen,
        "halves": len(halves),
        "half": min(len(half.b) for half in halves),
        **{name: getattr(measured, name) for name in SetNumbers.model_fields},
        "findings": findings,
        "beyond": beyond,
        "beyond_sentence": beyond_sentence,
        "full_size": full_size,
        "confusion": confusion_of(every, labels),
        "spectra": mean_spectra(sets, halves, matched.resolution),
        "levels": gray_levels(sets),
        "best": best,
        "worst": worst,
        "notes": [*without_transforms(measured.quantities), *change_notes(inputs.matched.entries)],
        "outcome": {
            "held_out_copies": seen,
            "distinguishable": distinguishable,
            "main_finding": main,
            "at_full_size": any(one.outside for one in at_full_size if one.name == "patch_kid"),
            "defects": told_apart(at_full_size),
        },
    }


def _measure_full_size(inputs: ScoreInputs, folder: Path | None) -> FullSize | None:
    """Compare at full size, and keep pictures for the blind test below the folder, if there is one."""
    real, chosen = inputs.real, inputs.chosen
    groups = real.groups[chosen.reference]
    sides = draw_images(inputs.matched, chosen.reference, groups, chosen.generated, inputs.seed)
    found = measure_full_size(*sides, inputs.extractor, inputs.seed, inputs.progress)
    if found is None:
        return found
    white, channels = inputs.matched.training.white, inputs.matched.network_channels
    pairs = placed_beside_real(inputs.matched, real, inputs.seed)
    if all(pairs):  # of placed defects, whole images are mostly real ground
        placed = compare_defects(*pairs, inputs.extractor, white, inputs.seed)
        found = found.model_copy(update={"quantities": [*found.quantities, *placed]})
        sides = shown_defects(pairs[0], channels, white), shown_defects(pairs[1], channels, white)
    return found if folder is None else found.model_copy(update={"blind": keep_blind(folder, *sides, inputs.seed)})


def _measure_beyond(inputs: ScoreInputs, sets: ComparedSets) -> tuple[list[BeyondCopies], str]:
    """Return what is reached beyond changed copies; nothing where what there is to compare with are the training
    images, or may be: their copies reach them.
    """
    if inputs.real.against in ("training", "unknown"):
        return [], ""
    labels = [sets.classes[code] for code in sets.labels]
    made = [entry.label for entry in inputs.matched.entries]
    classes = class_inputs(inputs.real, sets.reference, labels, made, inputs.chosen.classes)
    copier = Copier(inputs.matched, inputs.extractor, inputs.seed, inputs.progress)
    return beyond_copies(classes, inputs.generated, copier)


def _describe_sets(inputs: ScoreInputs) -> ComparedSets:
    """Describe real images, and transforms of training images, whose classes are in the reference's proportions."""
    matched, real, chosen, seed = inputs.matched, inputs.real, inputs.chosen, inputs.seed
    white = matched.training.white
    count = min(TRANSFORMED_IMAGES, max(2 * len(real.training), len(chosen.generated)))
    sources = _sources(real, chosen, count, seed)

    def transformed(index: int) -> Pixels:
        image = matched.real(int(sources[index])).transpose(1, 2, 0)
        changed = classical(image, white, numpy_stream(seed, "augmentation", "score", index))
        return np.ascontiguousarray(changed.transpose(2, 0, 1))

    names, codes = np.unique(real.labels(chosen.reference), return_inverse=True)
    return ComparedSets(
        inputs.reference,
        codes.reshape(-1),
        inputs.generated.take(chosen.generated),
        inputs.describe(transformed, sources, "classical transforms"),
        disjoint=real.against not in ("training", "unknown"),
        classes=tuple(names.tolist()),
    )


def _sources(real: HeldOut, chosen: ComparedRows, count: int, seed: int) -> Ints:
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
        image = matched.training.read(row)
        return [pixel_key(matched.compared(flip_pixels(image, flip)), white) for flip in FLIPS]

    title = "looking for training images among the generated ones"
    known = set[str]().union(*told_in_threads(mirrored, real.training.tolist(), progress, title))
    return sum(key in known for key in keys)
