"""The memorization audit: are the generated images copies of training images?

Three answers in one record. Pixel by pixel: the nearest training images, beside the same distance between real images.
By alignment: a copy score that recognises an image when it was shifted, cropped, turned, brightened, or made noisy,
calibrated on real images of different groups, from which the verdict comes. And of the whole set: is it diverse, and
does it lie nearer to the training images than held-out real ones do?
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch

from flawforge.core.arrays import Floats
from flawforge.core.errors import SettingError
from flawforge.core.progress import SILENT, Progress
from flawforge.core.settings.bounds import check_numbers
from flawforge.data.dataset import Dataset
from flawforge.metrics.neighbours.nearest import Nearest
from flawforge.runs.folder import Run
from flawforge.runs.records import (
    Alignment,
    AuditRecord,
    Copying,
    Distances,
    Neighbour,
    Pair,
    SetTest,
    record_place,
    save_record,
)
from flawforge.runs.versions import now, versions
from flawforge.studies.copies.alignments import find_copies, keep_pictures
from flawforge.studies.copies.pixel_distance import compare_pixels
from flawforge.studies.copies.search import ALARM
from flawforge.studies.copies.sentences import audit_sentence, composed_sentence, set_sentence
from flawforge.studies.copies.set_tests import measure_set
from flawforge.studies.sets import (
    Channels,
    DeclaredSources,
    HeldOut,
    MatchedImages,
    RecordPictures,
    SyntheticSet,
    find_held_out,
    find_training,
    load_whole,
)
from flawforge.training.processes.device import resolve_device

FLIPS = {  # what training did to real images, by the recipe's setting
    "none": ("identity",),
    "horizontal": ("identity", "flip-horizontal"),
    "vertical": ("identity", "flip-vertical"),
    "both": ("identity", "flip-horizontal", "flip-vertical", "turn-180"),
}
QUANTILES = {"min": 0.0, "5%": 0.05, "25%": 0.25, "50%": 0.5, "75%": 0.75, "95%": 0.95, "max": 1.0}


def audit(
    run: Run | str | Path,
    *,
    data: Dataset | str | Path | None = None,
    held_out: Dataset | str | Path | None = None,
    k: int = 5,
    channels: Channels = "first",
    pairs: int = 12,
    synthetic: str | Path | None = None,
    out: str | Path | None = None,
    wait: bool = False,
    device: str = "auto",
    memory_mb: float = 1024,
    command: str = "flawforge.audit(...)",
    progress: Progress = SILENT,
) -> AuditRecord:
    """Compare each image of the synthetic set with the training images, and write ``records/audit.json``.

    Images are compared at the network's resolution, as training saw them: what is finer than that, the generator has
    never seen, and neither does the audit.

    Args:
        run: a run with a complete synthetic set.
        data: the images that the run was trained on, or chosen from, if they have moved since.
        held_out: real images that training did not see. None: the other images of the same classes in the data, where
            training took a part of them (`shots`); else the set as a whole is not tested, and the record says so.
        k: training images ranked per generated one, from 1; no more than there are.
        channels: ``first`` compares the first channel, as published; ``all`` every one.
        pairs: of so many of the nearest pairs, pictures are kept.
        synthetic: folder of another set than the run's own.
        out: folder for the record and its pictures; None: the run's own. Where that cannot be written, nothing is kept.
        wait: wait for another process that writes the same record; else it is refused.
        device: ``auto``, ``cpu``, ``cuda``, ...
        memory_mb: bound, in MB, on the memory that images take, from 16. What is beyond it waits in a scratch file in
            the run's folder. Less is slower; the result is the same.
        command: what to write into the record.
        progress: where to tell how far it is.

    Returns:
        The record.

    Raises:
        RunNotFoundError: no run, or no complete synthetic set.
        DataNotFoundError, DataUnusableError: the training images are gone or changed, or `held_out` holds some of them.
        SettingError: an argument.
        DeviceError: no such device.
        RunUnwritableError: `out` cannot be written. FolderBusyError: another process writes the same record.
    """
    _check(k, channels, pairs, memory_mb)
    run = run if isinstance(run, Run) else Run.open(run)
    where = resolve_device(device)
    with record_place(run, "audit", out, command, wait, progress) as run:
        generated = SyntheticSet.open(synthetic if synthetic is not None else run, wait=wait, progress=progress)
        whole = load_whole(run, data, progress)
        training = find_training(run, whole, progress)
        unseen = find_held_out(run, whole, held_out, progress)
        matched = MatchedImages(training, generated, run.recipe.resolution, run.settings.channels, channels)
        sources = DeclaredSources(run, whole, training, training.groups(progress), progress)
        record = _judge(run, matched, unseen, sources, (k, pairs, memory_mb * 1e6), command, where, progress)
        save_record(run, "audit", record)
        return record


def _judge(
    run: Run,
    matched: MatchedImages,
    unseen: HeldOut,
    sources: DeclaredSources,
    amounts: tuple[int, int, float],
    command: str,
    where: torch.device,
    progress: Progress,
) -> AuditRecord:
    """Return the record; `amounts` are images to rank, pairs to keep pictures of, and bytes of memory."""
    training, generated, (k, pairs, memory) = matched.training, matched.synthetic, amounts
    groups, flips, k = training.groups(progress), FLIPS[run.recipe.flip], min(k, len(training))
    near, apart, exact = compare_pixels(run, matched, k, flips, groups, memory, where, progress)
    unit = 2 / training.white  # of a pixel, in [-1, 1]
    nearest = near.distances[:, 0]
    declared = [sources.rows(entry.sources) for entry in matched.entries]
    composed = sum(len(rows) > 0 for rows in declared)
    copying, alignments = find_copies(matched, groups, exact, declared if composed else None, where, progress)
    diverse, tests = measure_set(matched, groups, unseen.independent(), where, progress)
    pictures = RecordPictures(run.outputs, "records/audit", training.white)
    record = AuditRecord(
        made=now(),
        versions=versions(),
        command=command,
        inputs={"synthetic": generated.fingerprint, "data": training.fingerprint, "real": unseen.source},
        k=k,
        channels=matched.channels,
        resolution=matched.resolution,
        transforms=list(flips),
        n_generated=len(generated),
        n_training=len(training),
        n_groups=len(np.unique(groups)),
        generated_to_real=_distances(nearest * unit),
        real_to_real=_distances(apart * unit) if apart is not None else None,
        exact_copies=len(exact),
        nearer_than_real=int((nearest < apart.min()).sum()) if apart is not None else None,
        root_mean_square=127.5 / float(np.sqrt(np.prod(matched.shape))),
        pairs=keep_pictures(pictures, matched, _ranked_pairs(matched, near, flips, unit, alignments), pairs),
        sentence=composed_sentence(composed, len(generated)) + _outcome(copying, len(exact), [] if composed else tests),
        composed=composed,
        copying=copying,
        diversity=diverse,
        tests=tests,
        notes=[*generated.notes, *unseen.notes],
        chosen_by_hand=str(generated.by_hand),
    )
    pictures.remove_others()
    return record


def _outcome(copying: Copying, exact: int, tests: list[SetTest]) -> str:
    n, recall = len(copying.generated), copying.recovered / max(copying.planted, 1)
    adjusted = {test.name: test.adjusted for test in tests if test.adjusted is not None}
    sentence = audit_sentence(n, copying.found, exact, copying.groups, copying.detectable, recall)
    return sentence + set_sentence(adjusted, ALARM)


def _ranked_pairs(
    matched: MatchedImages, near: Nearest, flips: tuple[str, ...], unit: float, alignments: list[Alignment | None]
) -> list[Pair]:
    """Return a pair for each generated image: exact copies first, flagged ones by their score, then by distance."""
    samples, entries = matched.training.samples, matched.entries
    by_score = np.array([-found.score if found and found.copied else np.inf for found in alignments])
    order = np.lexsort((near.distances[:, 0], by_score, near.distances[:, 0] > 0))
    return [
        Pair(
            file=entries[index].file,
            neighbours=[
                Neighbour(file=samples[real].file, distance=float(distance * unit), transform=flips[flip])
                for distance, real, flip in zip(*(column[index] for column in near), strict=True)
            ],
            likeness=alignments[index],
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
