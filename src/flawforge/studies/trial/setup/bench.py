"""The bench: all that a cell of a trial needs, read once, so that any process or machine can work on any cell."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
from pydantic import TypeAdapter

from flawforge.core.arrays import Arrays, Bools, Bytes, Ints
from flawforge.core.errors import RunBrokenError
from flawforge.core.files import explain_os_errors, read_json, write_bytes, write_json
from flawforge.core.progress import SILENT, Progress
from flawforge.core.settings.trials import OLD, TrialSettings
from flawforge.data.classifier_view import seen
from flawforge.data.dataset import Dataset
from flawforge.data.levelling import files_quality
from flawforge.data.threads import told_in_threads
from flawforge.runs.folder_errors import not_found
from flawforge.studies.trial.setup.good_class import without_defect
from flawforge.studies.trial.setup.test_split import Division, shots_of

BENCH_FORMAT = 1
FACTS, ARRAYS = "bench.json", "bench.safetensors"
DATASETS = TypeAdapter(Dataset)


@dataclass(frozen=True)
class Bench:
    """A trial's material.

    Attributes:
        settings: of the trial.
        dataset: all labelled images.
        images: (N, C, H, W) uint8 at the classifier's size, in one encoding.
        division: test images and pool.
        good: name of the good class, or None.
        unlabelled: (U, C, H, W) uint8, U may be 0.
        outside: the unlabelled images as a dataset, or None.
        protocol: SHA-256 of what all cells have in common.
        inputs: name to content hash of what the trial depends on.
        brought: arm to the user's generated images as classifiers see them, (M, C, H, W) uint8, and their (M,) classes
            of the dataset.
        told: what a reader must know of them and of the masks, a sentence each.
        by_hand: how a person chose among them, in half a sentence; empty where nobody is known to have.
        masks: for the task ``locate`` (N, H, W) bool, True on defects; else None.
    """

    settings: TrialSettings
    dataset: Dataset
    images: Bytes
    division: Division
    good: str | None
    unlabelled: Bytes
    outside: Dataset | None
    protocol: str
    inputs: dict[str, str]
    brought: dict[str, tuple[Bytes, Ints]] = field(default_factory=dict)
    told: tuple[str, ...] = ()
    by_hand: str = ""
    masks: Bools | None = None

    @property
    def classes(self) -> tuple[str, ...]:
        """What the classifiers tell apart."""
        return (str(self.good), "defective") if self.settings.task == "good" else self.dataset.classes

    def targets(self, labels: Ints) -> Ints:
        """Return (N,) class numbers of the task from class numbers of the dataset."""
        if self.settings.task != "good":
            return labels
        return np.asarray(labels != self.dataset.classes.index(str(self.good)), dtype=np.int64)

    @property
    def good_number(self) -> int | None:
        """Number, among `classes`, of the images without a defect; None where no class is known to hold them."""
        if self.settings.task == "good":
            return 0
        name = without_defect(self.settings, self.dataset.classes)
        return None if name is None else self.dataset.classes.index(name)

    @property
    def quality(self) -> int | None:
        """Of the JPEG encoding that every image passes, real or generated; None: they pass none."""
        return files_quality(self.dataset.samples)

    def shots(self, repeat: int, shots: int) -> Ints:
        """Return the ascending indices of one repeat's training images."""
        others = self.unlike(shots)
        shots = max(shots, 1)  # the data as they are have no number of shots
        return shots_of(self.dataset, self.division, shots, repeat, self.settings.seed, others)

    def unlike(self, shots: int) -> dict[str, int | None]:
        """Return the classes of which there is another number of training images, with it; None: all of the pool."""
        settings, classes = self.settings, self.dataset.classes
        if settings.unequal:
            return {label: settings.others for label in classes if label not in settings.rare}
        if settings.task == "good":
            return {str(self.good): settings.good_shots or shots * (len(classes) - 1)}
        if settings.task == "locate" and self.good_number is not None:
            return {classes[self.good_number]: settings.good_shots}
        return {}


def all_seen(
    dataset: Dataset, settings: TrialSettings, channels: int, quality: int | None, progress: Progress = SILENT
) -> Bytes:
    """Return (N, C, H, W) uint8 of all images of a dataset."""
    out = np.zeros((len(dataset), channels, *settings.resolution), np.uint8)

    def one(index: int) -> Bytes:
        return seen(dataset.read(index), dataset.white, channels, settings.resolution, quality)

    for index, image in enumerate(told_in_threads(one, range(len(dataset)), progress, "reading images")):
        out[index] = image
    return out


def save_bench(folder: Path, bench: Bench) -> None:
    """Write the bench into a trial folder."""
    from safetensors.numpy import save

    division = bench.division
    with explain_os_errors(folder):
        folder.mkdir(parents=True, exist_ok=True)
    arrays: Arrays = {
        "images": bench.images,
        "unlabelled": bench.unlabelled,
        "test": division.test,
        "pool": division.pool,
        "groups": division.groups,
    }
    for arm, (images, labels) in bench.brought.items():
        arrays |= {f"images of {arm}": images, f"labels of {arm}": labels}
    if bench.masks is not None:
        arrays["masks"] = bench.masks
    write_bytes(folder / ARRAYS, save(arrays))
    facts = {
        "format": BENCH_FORMAT,
        "settings": bench.settings.model_dump(mode="json"),
        "protocol": bench.protocol,
        "inputs": bench.inputs,
        "good": bench.good,
        "test_sha256": division.sha256,
        "joined": division.joined,
        "dataset": _dump(bench.dataset),
        "outside": None if bench.outside is None else _dump(bench.outside),
        "brought": list(bench.brought),
        "told": list(bench.told),
        "chosen_by_hand": bench.by_hand,
    }
    write_json(folder / FACTS, facts)


def load_bench(folder: Path) -> Bench:
    """Read the bench of a trial folder.

    Raises:
        RunNotFoundError: there is none. RunBrokenError: it is damaged or of another format.
    """
    from safetensors.numpy import load

    if not (folder / FACTS).is_file():
        raise not_found(folder, "trial")
    facts: dict[str, Any] = read_json(folder / FACTS)
    if facts.get("format") != BENCH_FORMAT:
        raise RunBrokenError(
            f"{folder / FACTS} has format {facts.get('format')!r}; this version reads {BENCH_FORMAT}. "
            f"Give another --out."
        )
    arrays = load((folder / ARRAYS).read_bytes())
    return Bench(
        settings=TrialSettings.parse({**OLD, **facts["settings"]}, where=str(folder / FACTS)),
        dataset=_dataset(facts["dataset"]),
        images=arrays["images"],
        division=Division(arrays["test"], arrays["pool"], arrays["groups"], facts["joined"], facts["test_sha256"]),
        good=facts["good"],
        unlabelled=arrays["unlabelled"],
        outside=None if facts["outside"] is None else _dataset(facts["outside"]),
        protocol=facts["protocol"],
        inputs=facts["inputs"],
        brought={arm: (arrays[f"images of {arm}"], arrays[f"labels of {arm}"]) for arm in facts.get("brought", [])},
        told=tuple(facts.get("told", [])),
        by_hand=facts.get("chosen_by_hand", ""),
        masks=arrays.get("masks"),
    )


def _dataset(values: dict[str, Any]) -> Dataset:
    """Return a stored dataset; trials begun before 2026-12 have a mask's path and boxes in place of marks."""
    for sample in values["samples"]:
        boxes, mask = sample.pop("boxes", ()), sample.pop("mask", None)
        if boxes or mask:
            sample["marks"] = [{"label": box.pop("label"), "corners": tuple(box.values())} for box in boxes]
            sample["marks"] += [{"regions": [{"file": mask, "threshold": 0}]}] if mask else []
    return DATASETS.validate_python(values)


def _dump(dataset: Dataset) -> dict[str, Any]:
    values: dict[str, Any] = DATASETS.dump_python(replace(dataset, root=dataset.root.resolve()), mode="json")
    return {name: values[name] for name in ("source", "root", "layout", "samples")}


OFTEN = 0.5  # share of a class's shots from which on repeats are not independent enough to say nothing of it
COMPARED_REPEATS = 30


def shared_shots(bench: Bench, shots: int) -> dict[str, float]:
    """Return for each class what share of its shots two repeats have in common, the mean over all pairs of repeats.

    Args:
        bench: of the trial.
        shots: images a class.

    Returns:
        Class to share, 0 to 1, exactly 1 where all repeats have the same ones; empty with fewer than two repeats.
    """
    repeats = min(COMPARED_REPEATS, bench.settings.seeds)
    if repeats < 2:
        return {}
    drawn = np.concatenate([bench.shots(repeat, shots) for repeat in range(repeats)])
    times = np.bincount(drawn, minlength=len(bench.dataset))  # repeats that have each image
    out = {}
    for code, label in enumerate(bench.dataset.classes):
        own = times[bench.dataset.labels == code]
        out[label] = float((own * (own - 1)).sum() / (own.sum() * (repeats - 1)))
    return out


def overlap_notes(bench: Bench) -> list[str]:
    """Return what a reader must know of it at the largest number of shots, a sentence each; nothing where it is little.

    Repeats also share the test images, which the interval accounts for; it cannot account for the shared pool.
    """
    most = max(bench.settings.shots)
    if bench.settings.as_is:
        return [
            "Every repeat has the same training images, all that are outside the test set. Repeats differ by the "
            "training alone, and the result holds for these images."
        ]
    unlike = bench.unlike(most) if bench.settings.rare else {}
    found = {label: share for label, share in shared_shots(bench, most).items() if label not in unlike}
    same = [label for label, share in found.items() if share == 1]
    much = {label: share for label, share in found.items() if OFTEN < share < 1}
    notes = []
    if same:
        notes.append(
            f"At {most} shots every repeat has the same training images of {', '.join(same)}: there are no others "
            f"outside the test set. Repeats differ there by the training alone, and the result holds for these images."
        )
    if much:
        mean = min(99.0, 100 * sum(much.values()) / len(much))
        notes.append(
            f"At {most} shots two repeats have {mean:.0f}% of their training images of {', '.join(much)} in common, "
            f"on average: few others are left outside the test set. With other images of the same classes the "
            f"result may differ by more than its interval says."
        )
    return notes


def how_drawn(bench: Bench) -> str:
    """Return how the repeats came to their training images, in a sentence."""
    settings = bench.settings
    each = [
        share
        for shots in settings.shots
        for label, share in shared_shots(bench, shots).items()
        if not settings.rare or label in settings.rare
    ]
    if each and min(each) == 1 and not settings.rare:
        return "Every repeat has the same training images: all that are left outside the test set."
    what = f" of {' and '.join(settings.rare)}" if settings.rare else ""
    begin = f"Each repeat drew its own training images{what} from the rest, from as many different parts as there are"
    beside = ""
    if settings.rare:
        many = "all images" if settings.others is None else f"up to {settings.others} images"
        beside = f" Of every other class, {many} outside the test set are trained on beside them."
    if each and max(each) > OFTEN:
        return f"{begin}; there are so few that repeats have many in common (see the notes).{beside}"
    return f"{begin}.{beside}"
