"""Opens a trial folder: a new one, or one to resume, which is checked to be the same experiment."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from flawforge.core.errors import RunBrokenError, RunExistsError, SettingError
from flawforge.core.files import explain_os_errors
from flawforge.core.images import as_picture
from flawforge.core.progress import SILENT, Progress
from flawforge.core.settings.arms import ARMS
from flawforge.core.settings.trials import CHANGEABLE, TrialSettings
from flawforge.data.dataset import Dataset
from flawforge.data.inspection.warnings import tell_warnings
from flawforge.data.levelling import files_quality
from flawforge.data.reading.load import load, load_regardless, tell_unlabelled
from flawforge.data.reading_choices import AS_USUAL, ReadingChoices
from flawforge.data.sample import Sample
from flawforge.runs.cells import CELLS, GENERATORS
from flawforge.runs.folder_errors import refuse_other
from flawforge.runs.model_cards import MODELS
from flawforge.runs.trials import TRIAL_FILE
from flawforge.studies.trial.setup.bench import FACTS, Bench, all_seen, load_bench, save_bench
from flawforge.studies.trial.setup.given_set import Brought, levelled, read_brought, sentences_of, withdraw_seen
from flawforge.studies.trial.setup.good_class import good_class, refuse_unknown_rare, with_good, without_defect
from flawforge.studies.trial.setup.leaks import refuse_outside_leak, refuse_pool_leak
from flawforge.studies.trial.setup.marked_images import contents_of, marked_images
from flawforge.studies.trial.setup.named_parts import changed_contents, named_contents
from flawforge.studies.trial.setup.test_split import FEWEST_SHOTS, Textures, contents_sha256, divide
from flawforge.studies.trial.setup.usual import with_usual
from flawforge.training.setup.request import refuse_inside

USE_OF_OUTSIDE = "2"  # raise it when arms use unlabelled images differently: older cells no longer count


def open_trial(
    data: Dataset | str | Path,
    out: Path,
    settings: TrialSettings,
    choices: ReadingChoices = AS_USUAL,
    *,
    classes: Sequence[str] | None = None,
    unlabelled: Dataset | str | Path | None = None,
    synthetic: Dataset | str | Path | None = None,
    synthetic_saw: Dataset | str | Path | None = None,
    anew: bool = False,
    progress: Progress = SILENT,
) -> Bench:
    """Read the images, fix the test set and write the bench; or check that the bench there is the same experiment.

    More repeats, shots, arms or models may be asked for later: they add cells and change none. A trial of other
    settings, images, recipe or code is refused; with `anew` its results are removed, and this one is begun.

    Raises:
        RunExistsError: the folder holds another trial or something else, or lies among the images.
        DataUnusableError: the images cannot serve, or test images have leaked. SettingError: arms that these images do
        not allow. RunBrokenError: what the folder says of its test images contradicts itself.
    """
    refuse_other(out, "trial")
    whole = load(data, choices, progress=progress)
    tell_unlabelled(whole, progress)
    dataset = whole.select(classes)
    tell_warnings(dataset, progress)
    other = None
    if unlabelled is not None:
        other = load_regardless(unlabelled, whole.choices.elsewhere, progress=progress, option="--unlabelled")
    good = good_class(dataset, settings, progress)
    refuse_unknown_rare(dataset, settings, good)
    there = load_bench(out) if (out / FACTS).is_file() else None
    begun = there.settings if there is not None and _begun(out) else None
    settings = with_usual(with_good(settings, dataset.classes, good), dataset.classes, begun)
    masks, told = None, tuple[str, ...]()
    if settings.task == "locate":
        dataset, masks, told = marked_images(dataset, settings, progress)
    brought = read_brought(synthetic, synthetic_saw, dataset, settings, good, progress)
    inputs = {"data": dataset.fingerprint} | ({} if masks is None else {"masks": contents_of(masks)})
    inputs |= {} if other is None else {"unlabelled": other.fingerprint}
    inputs |= {} if brought is None else brought.inputs
    if unusual := whole.choices.elsewhere.unusual():
        inputs["choices"] = repr(unusual)
    if whole.choices.labels_sha256 is not None:
        inputs["labels"] = whole.choices.labels_sha256
    parts = named_contents(settings)
    contents = repr(sorted(inputs.items())) + (USE_OF_OUTSIDE if other is not None else "")
    protocol = settings.protocol(contents)
    if there is not None:
        changed = [] if there.protocol == protocol else _changes(there, settings, inputs)
        changed += changed_contents(there.inputs, parts)
        if changed and _begun(out) and not anew:
            raise RunExistsError(
                f"{out} holds a trial with other settings: {'; '.join(changed)}. Its results cannot be compared with "
                f"new ones. Give the same settings (only {', '.join(sorted(CHANGEABLE))} may change), or another "
                f"--out; or add --anew, which removes its results and begins with these."
            )
        if not changed:
            _enough(there, settings)
            now = replace(there, settings=settings, dataset=dataset, outside=other, inputs=parts | there.inputs)
            return _resumed(out, there, now)
        _remove_results(out)
    bench = _new_bench(out, settings, dataset, other, brought, good, protocol, inputs | parts, progress)
    bench = replace(bench, masks=masks, told=(*told, *bench.told))
    save_bench(out, bench)
    return bench


def _new_bench(
    out: Path,
    settings: TrialSettings,
    dataset: Dataset,
    other: Dataset | None,
    brought: Brought | None,
    good: str | None,
    protocol: str,
    inputs: dict[str, str],
    progress: Progress,
) -> Bench:
    """Fix the test set, and return the bench of a new trial."""
    refuse_inside(dataset, out, "trial")
    _check_arms(dataset, settings)
    quality, channels = files_quality(dataset.samples), dataset.channels
    images = all_seen(dataset, settings, channels, quality, progress)
    textures = Textures([as_picture(image) for image in images], dataset.groups(progress))
    division = divide(
        dataset,
        textures,
        settings.test_share,
        needed_images(settings, dataset.classes),
        settings.seed,
        progress,
        None if good is None else 2,
        settings.rare,
    )
    if brought is not None:
        division = withdraw_seen(dataset, division, brought, progress)
        refuse_outside_leak(dataset, textures, division, brought.images, progress)
    refuse_pool_leak(dataset, division)
    more = np.zeros((0, *images.shape[1:]), np.uint8)
    if other is not None:
        refuse_outside_leak(dataset, textures, division, other, progress)
        more = all_seen(other, settings, channels, quality, progress)
    bench = Bench(settings, dataset, images, division, good, more, other, protocol, inputs)
    if brought is None:
        return bench
    own, labels, levelling = levelled(dataset, brought, settings, quality, progress)
    told = (*sentences_of(brought, len(division.test)), *levelling)
    return replace(bench, brought={brought.arm: (own, labels)}, told=told, by_hand=brought.by_hand)


def _resumed(out: Path, there: Bench, now: Bench) -> Bench:
    """Return the bench of a resumed trial: the images in their stored order, read where the files are now.

    The stored division, images and groups go by index. A file that was renamed has another position in the order.
    """
    if contents_sha256(there.dataset, there.division.test) != there.division.sha256:
        raise RunBrokenError(
            f"{out / FACTS} names other test images than those that were set aside when the trial was begun, so that "
            f"some may have been trained on. Start another trial: give another --out."
        )
    bench = replace(
        now,
        dataset=_in_order(there.dataset, now.dataset),
        outside=None if now.outside is None or there.outside is None else _in_order(there.outside, now.outside),
    )
    known, now_known = ((one.settings, one.protocol, one.inputs, _locations(one)) for one in (there, bench))
    if known != now_known:
        save_bench(out, bench)
    return bench


def _in_order(there: Dataset, now: Dataset) -> Dataset:
    """Return the dataset with its samples in their stored order; only the paths of files and masks are new."""
    by_content: dict[tuple[str, str], list[Sample]] = {}
    for sample in now.samples:
        by_content.setdefault((sample.label, sample.sha256), []).append(sample)
    ordered = []
    for old in there.samples:
        same = by_content[old.label, old.sha256]
        new = same.pop(next((index for index, sample in enumerate(same) if sample.file == old.file), 0))
        ordered.append(replace(old, file=new.file, marks=new.marks, tile=new.tile))
    return replace(now, samples=tuple(ordered))


def _locations(bench: Bench) -> list[tuple[Path, tuple[Sample, ...]]]:
    return [(data.root.resolve(), data.samples) for data in (bench.dataset, bench.outside) if data is not None]


def _changes(there: Bench, settings: TrialSettings, inputs: dict[str, str]) -> list[str]:
    """Return what differs from the stored trial and would change its cells, in words."""
    before, now = there.settings.model_dump(mode="json"), settings.model_dump(mode="json")
    changed = [f"{key} {before[key]} -> {now[key]}" for key in now if key not in CHANGEABLE and before[key] != now[key]]
    named = {
        "data": "the images",
        "choices": "how the images are read",
        "labels": "the labels file",
        "masks": "the masks",
    }
    for key in sorted({key for key in (*there.inputs, *inputs) if key in inputs or key in ("unlabelled", *named)}):
        if there.inputs.get(key) != inputs.get(key):
            changed.append(named.get(key, f"the {key} images"))
    return changed


def _remove_results(out: Path) -> None:
    """Remove what a trial has worked out; its folder, log and page stay until they are written again."""
    with explain_os_errors(out):
        for name in (CELLS, GENERATORS, MODELS, TRIAL_FILE.parent, "pictures"):
            shutil.rmtree(out / name, ignore_errors=True)


def _begun(out: Path) -> bool:
    """Say whether any cell was begun; a trial that was only planned may still get other settings."""
    return any(next((out / name).glob("*"), None) is not None for name in (CELLS, GENERATORS) if (out / name).is_dir())


def needed_images(settings: TrialSettings, classes: tuple[str, ...]) -> dict[str, int]:
    """Return how many images of each class there must be outside the test set."""
    shots = max(FEWEST_SHOTS, *settings.shots)
    return {label: FEWEST_SHOTS if settings.rare and label not in settings.rare else shots for label in classes}


def _enough(there: Bench, settings: TrialSettings) -> None:
    labels, needed = there.dataset.labels[there.division.pool], needed_images(settings, there.dataset.classes)
    for code, label in enumerate(there.dataset.classes):
        if (count := int((labels == code).sum())) < needed[label]:
            raise SettingError(
                f"--shots {needed[label]}: class '{label}' has {count} images outside the test set. Ask for {count} "
                f"or fewer, or begin another trial with a smaller --test-share."
            )


def _check_arms(dataset: Dataset, settings: TrialSettings) -> None:
    if "one-class" in settings.arms and without_defect(settings, dataset.classes) is None:
        raise SettingError(
            f"--arms one-class learns from good images, and {dataset.source} has {', '.join(dataset.classes)}. Name "
            f"the class of good images with --good NAME, or leave the arm out."
        )
    marked = any(sample.marks for sample in dataset.samples)
    lacking = [arm for arm in settings.arms if ARMS[arm].needs_masks and not marked]
    if lacking:
        raise SettingError(
            f"--arms {lacking[0]} takes defects by their mask or box, and {dataset.source} has neither. Leave the arm "
            f"out."
        )
