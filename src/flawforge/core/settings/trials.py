"""The settings of a trial: all that decides its numbers, but for the images and the machine."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any, ClassVar, Literal

from pydantic import field_validator, model_validator

from flawforge.core.errors import did_you_mean
from flawforge.core.settings.arms import ARMS, ArmName, usual_arms
from flawforge.core.settings.bounds import MANY, YEAR
from flawforge.core.settings.classifiers import CLASSIFIERS, NEED_GOOD, ClassifierSettings
from flawforge.core.settings.fields import Settings, setting
from flawforge.core.settings.locators import LOCATORS, LocatorSettings
from flawforge.core.settings.locators import USUAL as LOCATE
from flawforge.core.settings.policies import ClassicalPolicy
from flawforge.core.settings.recipes import recipe as find_recipe
from flawforge.core.settings.resolution import Resolution

LOCATED_BY = f"{', '.join(LOCATORS)}, or module:factory"
FEWEST_REPEATS = 3  # that a verdict needs
SMALL = "small-cnn"  # whose training is long and whose judging is short, and both are adapted to that
ALL_IMAGES = 0  # what stands for the number of shots where every class is taken as it is
OLD: dict[str, Any] = {  # what trials did before these settings were
    "generator_length": 1.0,
    "choice_length": 1.0,
    "real_length": 1.0,
    "one_view": True,
}
CHANGEABLE = {"seeds", "shots", "arms", "models"}  # more of them only add cells; they change none


class TrialSettings(Settings):
    """What a trial is. Cells of two trials with the same settings and images hold the same numbers.

    `protocol` identifies what all cells have in common; `CHANGEABLE` fields say which cells there are.
    """

    flags: ClassVar[Mapping[str, tuple[str, ...]]] = {
        "models": ("--models", "--model"),
        "seeds": ("--repeats", "--seeds"),
        "resolution": ("--classifier-resolution", "--resolution"),
        "steps": ("--classifier-steps", "--steps"),
        "batch": ("--classifier-batch", "--batch"),
        "recipe": ("--recipe", "-r"),
        "made": ("-n", "--number", "--made"),
    }

    task: Literal["type", "good", "locate"] = setting(
        "type",
        help="'type' tells the classes apart, 'good' tells defective images from good ones, 'locate' says where the "
        "defect is: it needs masks or boxes.",
    )
    good: str | None = setting(
        None,
        allowed="a class's name",
        help="The class of good images, for tasks 'good' and 'locate' and the model effnet-focus. Unset: the one whose "
        "name says so (good, ok, normal, background, defect-free, no-defect, none; or alone begins so, like ok_front, "
        "or ends in free). With task 'good' the console says which it is.",
    )
    shots: tuple[int, ...] = setting(
        (5,),
        unit="images per class",
        allowed="numbers from 2",
        help="Training images of each class; several give a curve.",
    )
    rare: tuple[str, ...] = setting(
        (),
        allowed="names of classes",
        help="Classes that are rare: --shots counts their images alone, and beside them every other class is trained "
        "on with all of its images outside the test set.",
    )
    others: int | None = setting(
        None,
        ge=2,
        le=MANY,
        unit="images per class",
        help="With --rare, images of each class that is not rare, at most. Unset: all outside the test set.",
    )
    as_is: bool = setting(
        False, help="Train on all images outside the test set, of each class as many as there are, in place of --shots."
    )
    seeds: int = setting(
        10,
        ge=1,
        le=1000,
        help="Repeats, each with its own shots, generator and classifiers. More of them detect smaller gains.",
    )
    arms: tuple[ArmName, ...] = setting(
        usual_arms("type"),
        allowed=", ".join(ARMS),
        help="What is compared. 'recommended' adds 'filtered', but not beside compose or relight where no other arm "
        "generates. Unset, with --rare or --as-is also pasted-on-plentiful, "
        "with task 'good' also one-class and one-class-joined. With task 'locate' those that move masks too, but for "
        "one-class, which needs good images.",
    )
    models: tuple[str, ...] = setting(
        ("small-cnn", "effnet-probe"),
        allowed=f"{', '.join(CLASSIFIERS)}, module:factory; with task 'locate' {LOCATED_BY}",
        help="The inspection models. Unset, where there are good images also effnet-focus, and with task 'locate' "
        f"{' and '.join(LOCATORS)}.",
    )
    seed: int = setting(
        0, ge=0, le=2**63 - 1, help="Seed of everything: the test set, the shots, generators and classifiers."
    )
    test_share: float = setting(
        0.5,
        gt=0,
        lt=1,
        unit="of the images",
        help="Share kept for testing, the same in all repeats. More narrows the interval but leaves fewer shots.",
    )
    resolution: Resolution = setting(
        (64, 64),
        unit="pixels",
        allowed="32 to 1024, or HEIGHTxWIDTH",
        help="Height and width at which inspection models see images. Unset, with task 'locate' 128x128.",
    )
    steps: int = setting(
        900,
        ge=1,
        le=1_000_000,
        unit="optimiser steps",
        help="Training steps of every classifier in every arm. Unset, with equal shots: 150 for each class and 10 for "
        f"each training image, but 300 to 900; with task 'locate' {LOCATE['steps']}.",
    )
    real_length: float = setting(
        0.34,
        gt=0,
        le=1,
        unit="of the steps",
        help="Training length of small-cnn in the arm 'real', which shows the same few images again and again.",
    )
    one_view: bool = setting(
        False,
        help="small-cnn judges an image as it is. Unset, in every arm but 'real' by the mean over its mirror images, "
        "those that the classical transforms show.",
    )
    batch: int = setting(
        48,
        ge=4,
        le=4096,
        unit="images",
        help=f"Images in one step of every model in every arm. Unset, with task 'locate' {LOCATE['batch']}.",
    )
    policy: str = setting(
        "auto",
        allowed="auto, or a policy's name",
        help="Classical transforms of all arms but 'real'. 'auto': those that were found best for each model.",
    )
    share: float = setting(
        0.25,
        gt=0,
        le=0.9,
        unit="of a batch",
        help="Generated images' part in 'generated', repeats' part in 'placebo'. Unset, with task 'locate' "
        f"{LOCATE['share']}, of new images in every arm that has any.",
    )
    made: int = setting(
        128,
        ge=4,
        le=100_000,
        unit="images per class",
        help="Images generated for each repeat; the arm 'filtered' selects from them. Unset, with task 'locate' "
        f"{LOCATE['made']}.",
    )
    recipe: str = setting("fewshot", allowed="a recipe's name, or a TOML file", help="The generator's recipe.")
    generator: str | None = setting(
        None,
        allowed="module:function",
        help="A generator of your own instead of the recipe's, called with (dataset of shots, images per class, seed); "
        "it returns class -> (n, H, W), (n, H, W, 3) uint8.",
    )
    generator_minutes: float | None = setting(
        None, gt=0, le=YEAR, unit="minutes", help="Training time of each generator. Unset: --generator-length."
    )
    generator_kimg: float | None = setting(
        None, gt=0, le=1e6, unit="kimg", help="Training length of each generator in images: repeatable to the last bit."
    )
    generator_length: float = setting(
        0.5,
        gt=0,
        le=10,
        unit="of the recipe's own length",
        help="Training length of each generator, where neither --generator-kimg nor --generator-minutes says it. With "
        "--rare and --as-is of a recipe's length on as many images of each class as there are of a rare one (5).",
    )
    choice_length: float = setting(
        0.5,
        gt=0,
        le=10,
        unit="of the usual length",
        help="Length of the trainings by which it is chosen how generated images are used, and with unlike numbers of "
        "images how batches are drawn: at 1 the generators of the folds take as long as a repeat's, and classifiers "
        "half as many steps.",
    )
    folds: int = setting(
        3,
        ge=0,
        le=10,
        help="Cross-validation folds of the first repeat's shots, each with its own generator. They choose for all "
        "repeats how generated images are used. 0: nothing is chosen; generated images are used in the default way, "
        "and 'recommended' equals 'classical'.",
    )
    good_shots: int | None = setting(
        None,
        ge=2,
        le=MANY,
        help="With tasks 'good' and 'locate', images of the good class. Unset: as many as of all defects together; "
        "with 'locate' all outside the test set.",
    )

    @model_validator(mode="before")
    @classmethod
    def _repeats(cls, values: Any) -> Any:
        """Take `repeats`, as the command line calls them, for `seeds`, as trials of all versions store them."""
        if not isinstance(values, dict) or "repeats" not in values or "seeds" in values:
            return values
        return {**{name: value for name, value in values.items() if name != "repeats"}, "seeds": values["repeats"]}

    @model_validator(mode="before")
    @classmethod
    def _all_images(cls, values: Any) -> Any:
        """Give the data as they are their one number of shots, and take one rare class for a list of one."""
        if isinstance(values, dict) and isinstance(values.get("rare"), str):
            values = {**values, "rare": (values["rare"],)}
        if not isinstance(values, dict) or values.get("as_is") is not True:
            return values
        given = values.get("shots", (ALL_IMAGES,))
        if not isinstance(given, (list, tuple)) or [str(shots) for shots in given] != [str(ALL_IMAGES)]:
            raise ValueError("--as-is takes all images of every class, --shots so many of each: give one of the two")
        return {**values, "shots": (ALL_IMAGES,)}

    @model_validator(mode="before")
    @classmethod
    def _usual(cls, values: Any) -> Any:
        """Take the usual arms of the task and of the classes' numbers of images where none are named."""
        if not isinstance(values, dict) or "arms" in values:
            return values
        unequal = bool(values.get("rare")) or values.get("as_is") is True
        return {**values, "arms": usual_arms(str(values.get("task", "type")), unequal=unequal)}

    @field_validator("arms")
    @classmethod
    def _whole(cls, arms: tuple[str, ...]) -> tuple[str, ...]:
        """Add the arm that 'recommended' takes generated images from, which is trained for it anyway: its gain is
        judged. Beside composed images alone no generator is asked for.
        """
        composes = any(ARMS[arm].needs_composed and ARMS[arm].new_images for arm in arms if arm in ARMS)
        generates = any(ARMS[arm].needs_generator for arm in arms if arm in ARMS)
        if "recommended" not in arms or "filtered" in arms or (composes and not generates):
            return arms
        index = arms.index("recommended")
        return (*arms[:index], "filtered", *arms[index:])

    @model_validator(mode="after")
    def _check(self) -> TrialSettings:
        for arm in self.arms:
            if arm not in ARMS:
                raise ValueError(f"there is no arm '{arm}'.{did_you_mean(arm, ARMS)} There are: {', '.join(ARMS)}")
        if not self.as_is and (not self.shots or min(self.shots) < 2):
            raise ValueError("shots are numbers of images per class, from 2: a generator cannot learn from one")
        if max(self.shots, default=0) > MANY:
            raise ValueError(f"shots are numbers of images per class, up to {MANY:,}")
        if not self.models:
            raise ValueError("name at least one model, e.g. small-cnn")
        for name in ("shots", "arms", "models", "rare"):
            if len(set(getattr(self, name))) != len(getattr(self, name)):
                raise ValueError(f"{name} names something twice")
        if "classical" not in self.arms:
            raise ValueError("arms must hold 'classical': it is what a gain is measured against")
        return self

    @model_validator(mode="after")
    def _check_task(self) -> TrialSettings:
        unasked = "models" not in self.model_fields_set
        if self.good is not None and self.task == "type" and not (unasked or set(self.models) & set(NEED_GOOD)):
            raise ValueError(
                f"good names the good class of task 'good', or of a model that compares with good images "
                f"({', '.join(NEED_GOOD)}); give one of them with it"
            )
        for arm in self.arms:
            if self.task == "locate" and not ARMS[arm].locates:
                raise ValueError(
                    f"arm '{arm}' has images without masks, and task 'locate' needs them: "
                    f"{', '.join(name for name in ARMS if ARMS[name].locates)}"
                )
            if ARMS[arm].locates_only and self.task != "locate":
                raise ValueError(f"arm '{arm}' says where defects are, not which; give task 'locate' with it")
            if ARMS[arm].needs_good and self.task == "type":
                raise ValueError(f"arm '{arm}' tells defective images from good ones; give task 'good' with it")
        if self.task == "locate":
            unknown = [] if unasked else [model for model in self.models if model not in LOCATORS and ":" not in model]
            if unknown:
                raise ValueError(f"model '{unknown[0]}' does not say where; task 'locate' has {LOCATED_BY}")
            if self.rare:
                raise ValueError("--rare is for tasks 'type' and 'good'; 'locate' takes --shots of each defect")
        return self

    @model_validator(mode="after")
    def _check_unequal(self) -> TrialSettings:
        if self.rare and self.as_is:
            raise ValueError("--as-is takes all images of every class, --rare few of some: give one of the two")
        if self.others is not None and not self.rare:
            raise ValueError("--others limits the classes that are not rare: name the rare ones with --rare")
        if self.good_shots is not None and self.unequal:
            raise ValueError("--good-shots is for equal shots; with --rare give --others, and --as-is takes all")
        return self

    @property
    def unequal(self) -> bool:
        """Whether classes have unlike numbers of training images, as in the factory."""
        return self.as_is or bool(self.rare)

    @property
    def chooses_sampling(self) -> bool:
        """Whether it is chosen inside the shots how batches are drawn and logits adjusted; else nothing is adjusted."""
        return self.folds > 1 and self.unequal and self.task != "locate"

    @property
    def chooses(self) -> bool:
        """Whether the strategy of using new images is chosen inside the shots; else it is `DEFAULT_USAGE`."""
        return self.folds > 1 and bool({"filtered", "recommended"} & set(self.arms))

    def protocol(self, contents: str) -> str:
        """Return the SHA-256 of what all cells have in common, with the hash of the images' contents."""
        fixed = {key: value for key, value in self.model_dump(mode="json").items() if key not in CHANGEABLE}
        if self.good is None:
            fixed.pop("good")  # so that cells of versions without these settings still count
        for name in ("rare", "others", "as_is"):
            if getattr(self, name) == type(self).model_fields[name].default:
                fixed.pop(name)
        if self.generator_length == 1 or any((self.generator, self.generator_kimg, self.generator_minutes)):
            fixed.pop("generator_length")  # nothing changes by it; versions without it took 1
        if self.choice_length == 1 or self.folds <= 1:
            fixed.pop("choice_length")  # likewise
        if self.real_length == 1:
            fixed.pop("real_length")
        if self.one_view:
            fixed.pop("one_view")
        return hashlib.sha256(json.dumps([fixed, contents], sort_keys=True).encode()).hexdigest()

    def mirrored(self, model: str) -> tuple[int, ...]:
        """Return the axes of (N, C, H, W) along which a model sees images mirrored when it judges them."""
        shown = self.classifier(model).transforms if model == SMALL and not self.one_view else ClassicalPolicy()
        return tuple(axis for axis, does in ((3, shown.flip_horizontal), (2, shown.flip_vertical)) if does)

    def kimg(self, images: int, *, fold: bool = False) -> float | None:
        """Return how many thousand images a generator is shown that trains on `images` of them, or on those of a fold;
        None where time decides, or the generator is the user's.
        """
        if self.generator is not None or self.generator_minutes is not None:
            return None
        if self.generator_kimg is not None:
            return self.generator_kimg
        recipe = find_recipe(self.recipe)
        return self.length(fold=fold) * recipe.steps(images) * recipe.batch / 1000

    def length(self, *, fold: bool) -> float:
        """Return how long a generator is trained, of the recipe's own length, where neither images nor time are set."""
        return self.generator_length * (self.choice_length if fold else 1)

    def locator(self, model: str, *, steps: int | None = None) -> LocatorSettings:
        """Return the settings of one locator's training."""
        return LocatorSettings(**self._training(model, steps))

    def classifier(self, model: str, *, steps: int | None = None) -> ClassifierSettings:
        """Return the settings of one classifier's training."""
        return ClassifierSettings(**self._training(model, steps))

    def _training(self, model: str, steps: int | None) -> dict[str, Any]:
        steps = self.steps if steps is None else steps
        same = {name: getattr(self, name) for name in ("resolution", "batch", "policy")}
        return {"model": model, "steps": steps, **same}
