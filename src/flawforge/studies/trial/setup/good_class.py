"""The classes that a trial's settings name: the one of images without a defect, and the rare ones."""

from __future__ import annotations

from flawforge.core.errors import DataUnusableError, SettingError, did_you_mean
from flawforge.core.progress import SILENT, Progress
from flawforge.core.settings.classifiers import NEED_GOOD
from flawforge.core.settings.trials import TrialSettings
from flawforge.data.dataset import Dataset
from flawforge.data.good_names import GOOD, find_good, named_good


def good_class(dataset: Dataset, settings: TrialSettings, progress: Progress = SILENT) -> str | None:
    """Return the name of the good class for the task, None for 'type', and tell which it is.

    Raises:
        DataUnusableError: task 'good' without such a class, or with no other; task 'type' with one class alone.
        SettingError: the class that was named is not there.
    """
    classes = dataset.classes
    if settings.task == "locate":
        _check_name(dataset, settings)
        return None
    if settings.task != "good":
        _check_comparing_models(dataset, settings)
        if len(classes) < 2:
            raise DataUnusableError(
                f"{dataset.source} has one class ({classes[0]}): there is nothing to tell apart. A trial needs "
                f"two classes; good images beside the defective ones, in a folder 'good', will do."
            )
        return None
    _check_name(dataset, settings)
    found = without_defect(settings, classes)
    if len(classes) < 2:
        raise DataUnusableError(
            f"--task good needs a class of good images beside a defect; {dataset.source} has one class: {classes[0]}."
        )
    if found is None:
        raise DataUnusableError(
            f"--task good needs a class of good images beside a defect; {dataset.source} has {', '.join(classes)}. "
            f"Name the class of good images: --good NAME. (Without it a class is taken that is named "
            f"{', '.join(GOOD)}, or one whose name begins so, like ok_front, where it is the only one.)"
        )
    guessed = ", by its name (--good names another)" if settings.good is None else ""
    others = ", ".join(label for label in classes if label != found)
    progress.say(f"good images: class {found}{guessed}; defective: {others}")
    return found


def refuse_unknown_rare(dataset: Dataset, settings: TrialSettings, good: str | None) -> None:
    """Refuse rare classes that cannot be.

    Raises:
        SettingError: one is not there, or is the good class; or no class is left that is not rare.
    """
    for label in settings.rare:
        if label not in dataset.classes:
            raise SettingError(
                f"--rare names '{label}', and {dataset.source} has {', '.join(dataset.classes)}."
                f"{did_you_mean(label, dataset.classes)}"
            )
        if label == good:
            raise SettingError(f"--rare names '{label}', which is the class of good images; it names defects.")
    if len(settings.rare) == len(dataset.classes):
        raise SettingError(
            f"--rare names all classes of {dataset.source}. Leave it out: then --shots counts the images of each class."
        )


def _check_name(dataset: Dataset, settings: TrialSettings) -> None:
    if settings.good is not None and settings.good not in dataset.classes:
        raise SettingError(
            f"--good is '{settings.good}'; it names the class of good images, and {dataset.source} has "
            f"{', '.join(dataset.classes)}.{did_you_mean(settings.good, dataset.classes)}"
        )


def _check_comparing_models(dataset: Dataset, settings: TrialSettings) -> None:
    """Refuse a model that compares every image with good ones where no class is called good."""
    _check_name(dataset, settings)
    asking = [model for model in settings.models if model in NEED_GOOD]
    if asking and without_defect(settings, dataset.classes) is None:
        raise SettingError(
            f"--models {asking[0]} compares every image with good ones, and {dataset.source} has "
            f"{', '.join(dataset.classes)}. Name the class of good images with --good NAME, or leave the model out."
        )


def without_defect(settings: TrialSettings, classes: tuple[str, ...]) -> str | None:
    """Return the class of images without a defect, whatever the task: the one that was named, else by its name."""
    return settings.good if settings.good is not None else find_good(classes)


def with_good(settings: TrialSettings, classes: tuple[str, ...], good: str | None) -> TrialSettings:
    """Return the settings in the form in which they are kept and compared.

    The good class is named unless one is called so outright: to name what would be taken anyway is no other trial, and
    trials of versions without the setting go on.
    """
    named = good if settings.task == "good" else settings.good
    return settings.model_copy(update={"good": None if named == named_good(classes) else named})
