"""What a trial takes where its settings leave it open, and the images decide: its models, and how long they train."""

from __future__ import annotations

from flawforge.core.settings.classifiers import NEED_GOOD
from flawforge.core.settings.locators import USUAL as LOCATE
from flawforge.core.settings.trials import TrialSettings
from flawforge.studies.trial.setup.good_class import without_defect

STEPS_A_CLASS, STEPS_AN_IMAGE = 150, 10
FEWEST_STEPS, MOST_STEPS = 300, 900
USUAL_SHOTS = 5  # that a class counts with for the generator's length where all images are taken as they are
LENGTHS = ("steps", "real_length", "generator_length", "choice_length", "generator_kimg")
KEPT = ("models", "one_view", *LENGTHS)  # of a trial that was begun, by whatever version


def with_usual(settings: TrialSettings, classes: tuple[str, ...], begun: TrialSettings | None = None) -> TrialSettings:
    """Return the settings with what was not given: models that compare with good images where there are any, steps, and
    the generators' length where classes have unlike numbers of images.

    Two classes of a handful of images are learned in a third of the steps of six: docs/decisions/trial-cost.md.

    Args:
        settings: as they were asked for.
        classes: of the images.
        begun: of the trial that goes on; what was not given stays as it is there.
    """
    changes: dict[str, object] = {}
    if settings.task == "locate":
        usual = LOCATE if begun is None else {name: getattr(begun, name) for name in LOCATE}
        changes |= {name: value for name, value in usual.items() if name not in settings.model_fields_set}
        return settings.model_copy(update=changes)
    if "models" not in settings.model_fields_set and without_defect(settings, classes) is not None:
        changes["models"] = (*settings.models, *NEED_GOOD)
    if begun is not None:
        changes |= {name: getattr(begun, name) for name in KEPT if name not in settings.model_fields_set}
        return settings.model_copy(update=changes)
    if settings.unequal and settings.generator_kimg is None:  # on hundreds of images it would take hours
        changes["generator_kimg"] = settings.kimg(len(classes) * (max(settings.shots) or USUAL_SHOTS))
    if "steps" not in settings.model_fields_set and not settings.unequal:
        count = 2 if settings.task == "good" else len(classes)
        images = max(settings.shots) * len(classes)
        changes["steps"] = min(MOST_STEPS, max(FEWEST_STEPS, STEPS_A_CLASS * count, STEPS_AN_IMAGE * images))
    return settings.model_copy(update=changes)
