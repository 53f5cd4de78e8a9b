"""Read a folder: find its layout, decode every image once, keep what can be used, name what cannot."""

from __future__ import annotations

import shlex
import warnings
from collections import Counter
from dataclasses import replace
from pathlib import Path

from flawforge.core.errors import DataNotFoundError, DataUnusableError, SettingError, did_you_mean
from flawforge.core.folder_kinds import kinds_in, seen_in
from flawforge.core.plural import plural
from flawforge.core.progress import SILENT, Progress
from flawforge.core.rejections import read_rejections
from flawforge.data.dataset import Dataset
from flawforge.data.decode import Seen
from flawforge.data.estimates import estimated_sentences
from flawforge.data.reading.carried_estimates import carry_estimates
from flawforge.data.reading.elpv import WORDS, elpv_folder, elpv_plan
from flawforge.data.reading.examine import examine_entry
from flawforge.data.reading.file_facts import REMEMBERED, FileFacts
from flawforge.data.reading.file_tree import is_utf_8, printable, walk
from flawforge.data.reading.labels_file import read_labels_file, relabelled
from flawforge.data.reading.masks.told_classes import classes_by_masks
from flawforge.data.reading.merge import plan_folder
from flawforge.data.reading.plan import Plan
from flawforge.data.reading_choices import AS_USUAL, ReadingChoices
from flawforge.data.sample import Broken, Entry, Remark, Sample
from flawforge.data.threads import in_threads
from flawforge.data.tiles import cut_all


def load(
    data: str | Path | Dataset,
    choices: ReadingChoices = AS_USUAL,
    *,
    labels: str | Path | None = None,
    progress: Progress = SILENT,
    option: str = "DATA",
) -> Dataset:
    """Read a dataset with its classes.

    Args:
        data: a folder in any layout of `flawforge.data.reading.layouts`; the word ``elpv``, ``elpv-mono`` or
            ``elpv-poly`` (a folder of that name is ``./elpv``); or a dataset, which is returned as it is.
        choices: what the files leave open, decided by the user.
        labels: a CSV file of mended classes, in place of `choices.labels`: the columns ``file``, below `data`, and
            ``class``. What it changed is in `Dataset.mended`.
        progress: where to tell how far the reading is.
        option: by which the user names the folder, for messages.

    Returns:
        The dataset: samples by class, then by file. Files that cannot be read are in `broken`, each with its reason;
        images without a class, or with labels that cannot be read, in `unlabelled`.

    Raises:
        DataNotFoundError: there is no such folder, or no image in it.
        DataUnusableError: no image in it can be read; the message lists the reasons. Or it is the folder of a run, a
            trial or a search; or the labels file is no table of images that are there.
        ExtraMissingError: ``elpv`` is asked for and not installed.
        SettingError: `choices` for a dataset that was read already with others; there is no such labels file.
    """
    if labels is not None:
        choices = replace(choices, labels=labels)
    if isinstance(data, Dataset):
        if choices not in (AS_USUAL, data.choices, replace(data.choices, labels_sha256=None)):
            raise SettingError("choices decide how a folder is read, and this dataset was read: give them to load().")
        return data
    dataset = _read(data, choices, progress, option)
    if not dataset.samples:
        raise DataUnusableError(_nothing_labelled(dataset))
    return dataset


def load_regardless(
    data: str | Path | Dataset,
    choices: ReadingChoices = AS_USUAL,
    *,
    progress: Progress = SILENT,
    option: str = "DATA",
    seen: Seen | None = None,
    apart: bool = False,
) -> Dataset:
    """Read the images of a dataset whether they have a class or not; arguments and errors as `load`.

    Choices do not concern a dataset, which was read already. `seen` is given the pixels of each file that had to be
    decoded, from several threads; see `flawforge.data.decode.examine`. With `apart` the images count too that lie apart
    from those with a class (beside class folders, below a flat folder); else they are passed over.

    Returns:
        The dataset, with all images in `samples`; those without a class come first.
    """
    dataset = data if isinstance(data, Dataset) else _read(data, choices, progress, option, seen, apart=apart)
    return replace(dataset, samples=(*dataset.unlabelled, *dataset.samples), unlabelled=())


def tell_unlabelled(dataset: Dataset, progress: Progress) -> None:
    """Say how many images of a dataset have no class, where some have none."""
    if count := len(dataset.unlabelled):
        first = dataset.unlabelled[0]
        images = plural(count, "image is", "images are")
        progress.say(
            f"{images} not labelled and left out (such as {first.file}: {first.label_source}). To see all: "
            f"flawforge inspect {shlex.quote(dataset.source)}{dataset.choices.as_typed()}"
        )


def _read(
    data: str | Path,
    choices: ReadingChoices,
    progress: Progress,
    option: str,
    seen: Seen | None = None,
    *,
    apart: bool = False,
) -> Dataset:
    """Return what can be read, with a class or without."""
    source = str(data)
    mending = None if choices.labels is None else read_labels_file(Path(choices.labels))
    choices = replace(choices, labels_sha256=None if mending is None else mending.sha256)
    if not source.strip():
        raise DataNotFoundError(f"{option} is empty; it is a folder of images. (An unset variable?)")
    if source in WORDS:
        root = elpv_folder()
        plan = elpv_plan(root, WORDS[source])
    else:
        root = Path(data).expanduser()
        plan = _plan_folder(root, choices, option)
    if apart:
        plan.entries += [Entry(file.file, "", label_source=file.reason) for file in plan.broken if file.apart]
        plan.broken = [file for file in plan.broken if not file.apart]
    samples, broken, remarks = _examine_all(root, plan.entries, progress, seen)
    if not samples:
        raise DataUnusableError(_nothing_left(source, plan.broken + broken))
    samples = carry_estimates(root, samples)
    samples = classes_by_masks(plan, samples, {file.file for file in broken}, choices)
    mended: list[str] = []
    if mending is not None:
        samples, mended = relabelled(samples, mending, source, {file.file for file in plan.broken + broken})
    if choices.tiles is not None:
        samples, lost, told = cut_all(root, samples, choices.tiles, progress)
        broken, plan.notes = broken + lost, plan.notes + told
    samples.sort(key=lambda sample: (sample.label, sample.file))
    return Dataset(
        source=source,
        root=root.resolve(),  # what run.json says must hold in every working folder
        layout=plan.layout,
        samples=tuple(sample for sample in samples if sample.label),
        broken=tuple(sorted(plan.broken + broken, key=lambda file: file.file)),
        notes=(*plan.notes, *_counted(plan.remarks + remarks), *estimated_sentences(samples)),
        unlabelled=tuple(sample for sample in samples if not sample.label),
        choices=choices,
        mended=tuple(mended),
    )


def place_again(source: str, root: str) -> str:
    """Return where a dataset that was loaded earlier is to be loaded from now, by its `source` and its `root`.

    It is `source` where that still means the same place, else `root`: in another working folder, a relative path leads
    nowhere, or to a folder of the same name. Where `root` is gone as well, it is `source`, for the error to name.
    """
    if source in WORDS or Path(source).expanduser().resolve() == Path(root):
        return source
    return root if Path(root).is_dir() else source


def _plan_folder(root: Path, choices: ReadingChoices, option: str) -> Plan:
    _check_folder(root, option)
    _refuse_ours(root)
    tree = walk(root)
    if rejected := read_rejections(root) & {*tree.images} if "synthetic set" in kinds_in(root) else frozenset():
        tree.images = [file for file in tree.images if file not in rejected]
        tree.broken += [Broken(file, "was rejected by hand (see flawforge curate)") for file in sorted(rejected)]
    if choices.labels is not None:  # it may lie there, and is none of the folder's own labels
        tree.others = [file for file in tree.others if (root / file).absolute() != Path(choices.labels)]
    if not tree.images:
        if tree.broken:
            raise DataUnusableError(_nothing_left(str(root), tree.broken))
        there = f"Other files there: {len(tree.others):,}." if tree.others else "It is empty."
        raise DataNotFoundError(
            f"there is no image in {root}, nor in the folders below it. {there} "
            f"{option} is a folder of PNG, JPEG, BMP, TIFF or WebP images{_or_cells(option)}."
        )
    plan = plan_folder(root, tree, choices)
    plan.broken += tree.broken
    return plan


def _refuse_ours(root: Path) -> None:
    """Refuse the folder of a run, a trial or a search. A synthetic set or an export that is named itself is read."""
    for kind in kinds_in(root):
        if kind not in ("synthetic set", "dataset export"):
            generated = " (The images that it generated are in its folder synthetic.)" if kind == "run" else ""
            raise DataUnusableError(
                f"{root} is a Flawforge {kind} folder, not a dataset. To see its results: "
                f"{seen_in(kind, root)}{generated}"
            )


def _or_cells(option: str) -> str:
    """Return what else DATA may be, and no other option usually is."""
    return ", or the word 'elpv' (the solar cells of the extra 'elpv')" if option == "DATA" else ""


def _check_folder(root: Path, option: str) -> None:
    if not is_utf_8(str(root.resolve())):
        raise DataUnusableError(
            f"the name {printable(str(root.resolve()))} is not UTF-8, so neither a run nor a report can name its "
            f"images. Rename the folder."
        )
    if root.is_dir():
        return
    if root.exists():
        hint = "Unpack it first." if root.suffix.lower() in (".zip", ".tar", ".gz", ".tgz", ".7z", ".rar") else ""
        raise DataNotFoundError(f"{root} is a file; {option} is a folder of images. {hint}".rstrip())
    try:
        beside = [path.name for path in root.absolute().parent.iterdir() if path.is_dir()]
    except OSError:  # the folder above is missing as well
        beside = []
    words = WORDS if option == "DATA" else ()
    raise DataNotFoundError(
        f"there is no folder {root}.{did_you_mean(root.name, [*beside, *words])} "
        f"{option} is a folder of images{_or_cells(option)}."
    )


def _examine_all(
    root: Path, entries: list[Entry], progress: Progress, seen: Seen | None
) -> tuple[list[Sample], list[Broken], list[Remark]]:
    results: list[Sample | Broken] = []
    remarks: list[Remark] = []
    with progress.task("reading images", len(entries), "images") as task, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Pillow's remarks about odd headers; what matters becomes a reason
        for start in range(0, len(entries), REMEMBERED):
            part = entries[start : start + REMEMBERED]
            known = FileFacts.recall([root / entry.file for entry in part])
            for result, told in in_threads(
                lambda both: examine_entry(root, *both, seen), zip(part, known.facts, strict=True)
            ):
                results += [result, *(one for one in told if isinstance(one, Broken))]
                remarks += [one for one in told if isinstance(one, Remark)]
                known.add(result)
                task.advance()
            known.remember()
    broken = [result for result in results if isinstance(result, Broken)]
    return [result for result in results if isinstance(result, Sample)], broken, remarks


def _counted(remarks: list[Remark]) -> list[str]:
    """Return a sentence for each kind of remark, with its number and an example."""
    counted = Counter(remark.what for remark in remarks)
    first = {remark.what: remark.where for remark in reversed(remarks)}
    return [
        f"{count:,} {what} (such as {first[what]})." if count > 1 else f"Once: {what} ({first[what]})."
        for what, count in counted.most_common()
    ]


def _nothing_labelled(dataset: Dataset) -> str:
    counted = Counter(sample.label_source for sample in dataset.unlabelled)
    reasons = "; ".join(f"{count} x {reason}" for reason, count in counted.most_common(3))
    broken = "".join(f"\n  {file.file} {file.reason}." for file in dataset.broken[:3])
    told = "".join(f"\n  {sentence}" for sentence in dataset.notes[-3:])
    return (
        f"none of the {len(dataset.unlabelled)} images in {dataset.source} has a class: {reasons}.{broken}{told}\n"
        f"If nothing is wrong with images in which nothing is marked, add --unmarked good."
    )


def _nothing_left(source: str, broken: list[Broken]) -> str:
    """Say in one message why no image is left: each reason once, with a file that has it."""
    counted = Counter(file.reason for file in broken)
    first = {file.reason: file.file for file in reversed(broken)}
    lines = [f"\n  {count} x {reason} (such as {first[reason]})" for reason, count in counted.most_common(8)]
    more = f"\n  and {len(counted) - 8} other reasons" if len(counted) > 8 else ""
    return f"none of the {len(broken)} image files in {source} can be used:{''.join(lines)}{more}"
