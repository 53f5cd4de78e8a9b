"""The memorization audit: are the generated images copies of training images?

Three answers in one record. Pixel by pixel: the nearest training images, beside the same distance between real images.
By alignment: a copy score that recognises an image when it was shifted, cropped, turned, brightened, or made noisy,
calibrated on real images of different groups, from which the verdict comes. And of the whole set: is it diverse, and
does it lie nearer to the training images than held-out real ones do?
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from flawforge.core.arrays import Floats
from flawforge.core.errors import SettingError
from flawforge.core.progress import SILENT, Progress
from flawforge.core.settings.bounds import check_numbers
from flawforge.data.dataset import Dataset
from flawforge.data.inspection.warnings import tell_warnings
from flawforge.metrics.neighbours.nearest import Nearest
from flawforge.runs.folder import Run
from flawforge.runs.judged.audits import (
    Alignment,
    AuditRecord,
    CopiedDefect,
    CopiedPatch,
    Copying,
    Distances,
    Diversity,
    Neighbour,
    Pair,
    SetTest,
)
from flawforge.runs.records import write_record
from flawforge.runs.versions import now, versions
from flawforge.studies.copies.alignments import find_copies
from flawforge.studies.copies.defects import defects_note, find_copied_defects
from flawforge.studies.copies.pair_pictures import keep_pictures, keep_windows
from flawforge.studies.copies.patches import find_patches
from flawforge.studies.copies.pixel_distance import compare_pixels
from flawforge.studies.copies.search import ALARM
from flawforge.studies.copies.sentences import (
    audit_sentence,
    collapse_sentence,
    composed_sentence,
    defect_sentence,
    not_looked_at,
    patch_sentence,
    set_sentence,
)
from flawforge.studies.copies.set_tests import measure_set
from flawforge.studies.sets import Channels, Images, Judged, MatchedImages, RecordPictures, open_judged
from flawforge.training.processes.device import resolve_device

Defects = tuple[Copying | None, list[CopiedDefect]]
QUANTILES = {"min": 0.0, "5%": 0.05, "25%": 0.25, "50%": 0.5, "75%": 0.75, "95%": 0.95, "max": 1.0}


def audit(
    run: Run | Images,
    *,
    data: Dataset | str | Path | None = None,
    train: Images | None = None,
    held_out: Images | None = None,
    k: int = 5,
    channels: Channels = "first",
    pairs: int = 12,
    synthetic: Images | None = None,
    out: str | Path | None = None,
    wait: bool = False,
    device: str = "auto",
    memory_mb: float = 1024,
    thorough: bool = False,
    command: str = "flawforge.audit(...)",
    progress: Progress = SILENT,
) -> AuditRecord:
    """Compare each generated image with the training images.

    The images are a run's synthetic set, and the record goes to ``records/audit.json`` of the run; or they are from any
    other tool: real images in the run's place, and the generated ones as `synthetic`.

    Those of a run are compared at the network's resolution, as training saw them: what is finer than that, the
    generator has never seen, and neither does the audit. Others are compared at 128 pixels at most, levelled.

    Args:
        run: a run with a complete synthetic set; or real images: a dataset, a folder, or arrays, uint8 or uint16
            (n, H, W), uint8 (n, H, W, 3), or class to such arrays.
        data: the images that the run was trained on, or chosen from, if they have moved since.
        train: without a run, those real images that the generator was trained on. None: each may be one, unless it is
            held out.
        held_out: real images that training did not see. None: of a run, the other images of the same classes in the
            data, where training took a part of them (`shots`); without a run, those not in `train`. Where there are
            none, the set as a whole is not tested, and the record says so.
        k: training images ranked per generated one, from 1; no more than there are.
        channels: ``first`` compares the first channel, as published; ``all`` every one.
        pairs: of so many of the nearest pairs, pictures are kept.
        synthetic: folder of another set than the run's own; without a run, the generated images, as `run`.
        out: folder for the record and its pictures; None: the run's own. Where that cannot be written, and without a
            run, nothing is kept.
        wait: wait for another process that writes the same record; else it is refused.
        device: ``auto``, ``cpu``, ``cuda``, ...
        memory_mb: bound, in MB, on the memory that images take, from 16. What is beyond it waits in a scratch file in
            the run's folder. Less is slower; the result is the same.
        thorough: align every image and search every one for copied patches. False: of more than 512 images those that
            are likest a training image are aligned, 512 at a time, until none of them is a copy; and a random 256 are
            searched for patches. The self-test says what that misses.
        command: what to write into the record.
        progress: where to tell how far it is.

    Returns:
        The record.

    Raises:
        RunNotFoundError: no run, or no complete synthetic set.
        DataNotFoundError, DataUnusableError: the images are gone or changed, or `held_out` holds training images.
        SettingError: an argument.
        DeviceError: no such device.
        RunUnwritableError: `out` cannot be written. FolderBusyError: another process writes the same record.
    """
    _check(k, channels, pairs, memory_mb)
    where, memory = resolve_device(device), memory_mb * 1e6
    given: dict[str, Any] = {"data": data, "train": train, "held_out": held_out, "synthetic": synthetic, "out": out}
    given |= {"kind": "audit", "wait": wait, "command": command, "progress": progress, "channels": channels}
    with open_judged(run, memory=memory, structures=False, **given) as judged:
        matched, training = judged.matched, judged.training
        plain = replace(matched, quality=None)
        groups, k = training.groups(progress), min(k, len(training))
        near, apart, exact = compare_pixels(judged.records, plain, k, judged.flips, groups, memory, where, progress)
        declared = judged.declared(groups, progress)
        composed = sum(len(rows) > 0 for rows in declared)
        copying, alignments = find_copies(matched, groups, exact, declared, where, progress, thorough=thorough)
        patches, parts = find_patches(matched, groups, alignments, declared, progress, thorough=thorough)
        defects = find_copied_defects(matched, groups, declared, progress)
        diverse, tests = measure_set(matched, groups, judged.real.independent(), where, progress)
        pictures, shown = RecordPictures(judged.folder, "records/audit", training.white), pairs if judged.kept else 0
        ranked = _ranked_pairs(matched, near, judged.flips, 2 / training.white, alignments, parts)
        record = AuditRecord(
            made=now(),
            versions=versions(),
            command=command,
            data_warnings=tell_warnings(judged.real.data, progress),
            inputs=judged.inputs | {"data": training.fingerprint},
            k=k,
            channels=channels,
            transforms=list(judged.flips),
            n_groups=len(np.unique(groups)),
            **_measured(judged, near, apart, exact, patches, defects[0]),
            pairs=keep_pictures(pictures, plain, ranked, shown),
            sentence=_outcome(copying, patches, defects, len(exact), tests, judged.real.against, composed, diverse),
            composed=composed,
            copying=copying,
            copied_defects=keep_windows(pictures, plain, defects[1], shown),
            diversity=diverse,
            tests=tests,
            notes=[*judged.notes, *not_looked_at(copying, patches, len(matched.entries)), *defects_note(matched)],
            chosen_by_hand=str(judged.generated.by_hand),
            levelling=judged.levelling,
        )
        write_record(judged.records / "audit.json", record)
        pictures.remove_others()
    return record


def _measured(
    judged: Judged,
    near: Nearest,
    apart: Floats | None,
    exact: list[int],
    patches: Copying | None,
    defects: Copying | None,
) -> dict[str, Any]:
    """Return the fields of the record that hold sizes, pixel distances, copied patches and copied defects."""
    matched = judged.matched
    unit, nearest = 2 / matched.training.white, near.distances[:, 0]  # of a pixel, in [-1, 1]
    return {
        "resolution": matched.resolution,
        "knows_training": judged.real.against != "unknown",
        "patches": patches,
        "defects": defects,
        "n_generated": len(matched.synthetic),
        "n_training": len(matched.training),
        "generated_to_real": _distances(nearest * unit),
        "real_to_real": _distances(apart * unit) if apart is not None else None,
        "exact_copies": len(exact),
        "nearer_than_real": int((nearest < apart.min()).sum()) if apart is not None else None,
        "root_mean_square": 127.5 / float(np.sqrt(np.prod(matched.shape))),
    }


def _outcome(
    copying: Copying,
    patches: Copying | None,
    defects: Defects,
    exact: int,
    tests: list[SetTest],
    against: str,
    composed: int,
    diverse: Diversity,
) -> str:
    n, recall = copying.of or len(copying.generated), copying.recovered / max(copying.planted, 1)
    adjusted = {test.name: test.adjusted for test in tests if test.adjusted is not None and not composed}
    known = against != "unknown"
    sentence = audit_sentence(n, copying.found, exact, copying.groups, copying.detectable, recall, known)
    if patches is not None:
        own = patches.recovered / patches.planted
        of_patches = patch_sentence(
            len(patches.generated), n, patches.found, patches.groups, patches.detectable, own, known
        )
        alone = patches.found and not copying.found
        sentence = (
            f"{of_patches} As whole images: {sentence[0].lower()}{sentence[1:]}"
            if alone
            else f"{sentence} {of_patches}"
        )
    sentence = composed_sentence(composed, n) + sentence + set_sentence(adjusted, ALARM)
    collapse = collapse_sentence(diverse.looked_at, diverse.repeats or 0, diverse.clusters or 0)
    sentence = f"{sentence} {collapse}".rstrip() if copying.found else collapse + sentence
    return f"{sentence} {defect_sentence(*defects)}".rstrip()


def _ranked_pairs(
    matched: MatchedImages,
    near: Nearest,
    flips: tuple[str, ...],
    unit: float,
    alignments: list[Alignment | None],
    patches: list[CopiedPatch | None],
) -> list[Pair]:
    """Return a pair for each generated image: exact copies first, flagged ones by their score, those with a copied
    patch, then by distance.
    """
    samples, entries = matched.training.samples, matched.entries
    flagged = zip(alignments, patches, strict=True)
    by_score = np.array(
        [
            -10 - whole.score if whole and whole.copied else -part.score if part and part.copied else np.inf
            for whole, part in flagged
        ]
    )
    order = np.lexsort((near.distances[:, 0], by_score, near.distances[:, 0] > 0))
    return [
        Pair(
            file=entries[index].file,
            neighbours=[
                Neighbour(file=samples[real].file, distance=float(distance * unit), transform=flips[flip])
                for distance, real, flip in zip(*(column[index] for column in near), strict=True)
            ],
            likeness=alignments[index],
            patch=patches[index],
        )
        for index in order
    ]


def _distances(nearest: Floats) -> Distances:
    quantiles = {name: float(np.quantile(nearest, share)) for name, share in QUANTILES.items()}
    return Distances(nearest=nearest.tolist(), quantiles=quantiles)


def _check(k: int, channels: str, pairs: int, memory_mb: float) -> None:
    check_numbers(k=k, pairs=pairs, memory_mb=memory_mb)
    if channels not in ("first", "all"):
        raise SettingError(f"--channels is '{channels}'; allowed: first, all.")
