"""The arms of a trial, in the order of tables and pages: what each is, and what it needs. Nothing here needs torch.

What an arm trains on is a function of the same name in `flawforge.studies.trial.cells.arms`.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Annotated

from pydantic import BeforeValidator


@dataclass(frozen=True)
class Arm:
    """One arm of a trial.

    Attributes:
        name: on the command line, in records and on pages.
        description: what it trains on, for a reader who knows no other arm; lower case, without a full stop.
        needs_generator: trains on generated images; their gain is what a trial is about.
        needs_composed: trains on images composed of the details of some training images and the light of others, or on
            what is a part of that.
        new_images: trains on new images, though it needs no generator: its gain is what a trial is about likewise.
        control: belongs to the baseline: may be what a gain is measured against.
        alternative: does more than classical transforms, and without a generator: the report advises it where it gains.
        filters: picks generated images by what the teacher says of each.
        needs_choice: uses them as the inner choice says.
        needs_teacher: has images labelled by the teacher, a pretrained network that was trained on the shots.
        needs_masks: needs to know where in an image the defect is.
        needs_good: is of the task 'good' alone.
        other_classes: an image that it shows may take something from images of other classes (one generator learns
            from all), beside the mixing that a model's own transforms do (CutMix) in all arms but `real`.
        usual: among the arms of a trial that asks for none.
        usual_where_rare: likewise where classes have unlike numbers of training images.
        judged: of the arms that use generated images and were run, the verdict is about the one with the lowest number
            where nothing was chosen inside the training images; it is never about one without a number.
        formerly: its name in older versions, which is understood everywhere.
        source: the paper that it is from; empty where it is ours or common knowledge.
        locates: its images have masks, so that a network can learn from them where defects are.
        locates_only: of the task ``locate`` alone.
        placed_by: with the task ``locate``, the recipes whose images it shows. That of `placed` learns for minutes: its
            arms are among those of no trial that asks for none.
        brought: uses generated images that the user brings: no generator of the trial's makes them.
    """

    name: str
    description: str
    needs_generator: bool = False
    needs_composed: bool = False
    new_images: bool = False
    control: bool = False
    alternative: bool = False
    filters: bool = False
    needs_choice: bool = False
    needs_teacher: bool = False
    needs_masks: bool = False
    needs_good: bool = False
    other_classes: bool = False
    usual: bool = False
    usual_where_rare: bool = False
    judged: int | None = None
    formerly: str = ""
    source: str = ""
    brought: bool = False
    locates: bool = False
    locates_only: bool = False
    placed_by: tuple[str, ...] = ()


class Arms(dict[str, Arm]):
    """The arms by name; ``set:NAME`` is one of the user's generated images, whatever its name, and is in no list."""

    def __missing__(self, name: str) -> Arm:
        """Return the arm of a folder of images."""
        if not name.startswith(SET_PREFIX):
            raise KeyError(name)
        folder = name.removeprefix(SET_PREFIX)
        words = f"as classical, with the generated images of the folder {folder} in a part of each batch"
        return Arm(name, words, brought=True, other_classes=True, judged=0)

    def __contains__(self, name: object) -> bool:
        """Whether there is such an arm."""
        return super().__contains__(name) or (isinstance(name, str) and name.startswith(SET_PREFIX))


SET_PREFIX = "set:"
ARMS = Arms()


def register(arm: Arm) -> None:
    """Add an arm; one that shows new images stands after all that show none.

    Raises:
        ValueError: there is one of this name.
    """
    if current_name(arm.name) in ARMS:
        raise ValueError(f"there is an arm '{current_name(arm.name)}' already")
    entries = sorted([*ARMS.values(), arm], key=lambda one: one.needs_generator or one.new_images)
    ARMS.clear()
    ARMS.update({one.name: one for one in entries})


def current_name(name: str) -> str:
    """Return the name that an arm has today; any other word as it is."""
    return next((arm.name for arm in ARMS.values() if arm.formerly and arm.formerly == name), name)


ArmName = Annotated[str, BeforeValidator(lambda name: current_name(name) if isinstance(name, str) else name)]
"""An arm's name in settings and records, in which older versions may have written another."""


def description_of(name: str) -> str:
    """Return what an arm trains on, in words, also of one that only another version knows."""
    return ARMS[name].description if name in ARMS else "an arm that this version does not know"


def uses_generated(name: str) -> bool:
    """Return whether an arm uses generated images."""
    return name in ARMS and (ARMS[name].needs_generator or ARMS[name].brought)


def in_order(names: Collection[str]) -> list[str]:
    """Return arms in the order of tables and pages: ours, then those of the user's images, then unknown ones."""
    known = list(ARMS)
    return sorted(names, key=lambda arm: (known.index(arm) if arm in known else len(known) + (arm not in ARMS), arm))


def shows_new_images(name: str) -> bool:
    """Return whether an arm shows new images, generated or composed: whether its gain is what a trial is about."""
    return uses_generated(name) or (name in ARMS and ARMS[name].new_images)


def needs_composing(names: Collection[str]) -> bool:
    """Return whether any of some arms is made by composing."""
    return any(ARMS[name].needs_composed for name in names if name in ARMS)


def usual_arms(task: str, *, unequal: bool = False) -> tuple[str, ...]:
    """Return the arms of a trial that asks for none, for a task; `unequal`: with unlike numbers of images per class."""
    if task == "locate":
        return tuple(
            arm.name for arm in ARMS.values() if arm.locates and not (arm.needs_good or "placed" in arm.placed_by)
        )
    usual = (arm for arm in ARMS.values() if arm.usual or (unequal and arm.usual_where_rare))
    return tuple(arm.name for arm in usual if task == "good" or not arm.needs_good)


def judged_arm(names: Collection[str]) -> str | None:
    """Return which of some arms the verdict is about where nothing was chosen inside the training images."""
    numbered = {name: ARMS[name].judged for name in names if name in ARMS}
    return min(((number, name) for name, number in numbered.items() if number is not None), default=(0, None))[1]


for _arm in (
    Arm("real", "the real images alone", control=True, usual=True, locates=True),
    Arm("classical", "the real images under the tuned classical transforms", control=True, usual=True, locates=True),
    Arm("placebo", "as classical, with repeated real images in the place of generated ones", usual=True, locates=True),
    Arm(
        "pseudo-labelled",
        "as classical, and images that a pretrained network has labelled: the unlabelled images, or changed copies of "
        "the real ones",
        control=True,
        alternative=True,
        needs_teacher=True,
        usual=True,
        formerly="taught",
    ),
    Arm(
        "copy-paste",
        "as classical, with defects cut out and pasted onto other real images",
        control=True,
        alternative=True,
        needs_masks=True,
        other_classes=True,
        locates=True,
        placed_by=("copy-paste",),
        source="Dwibedi et al. 2017, 1708.01642",
    ),
    Arm(
        "procedural",
        "as classical, with drawn scratches, spots, scars and textures on good images, else on unmarked parts",
        control=True,
        alternative=True,
        locates=True,
        locates_only=True,
        placed_by=("procedural",),
        source="DRAEM: Zavrtanik et al. 2021, 2108.07610; CutPaste: Li et al. 2021, 2104.04015",
    ),
    Arm(
        "pasted-on-plentiful",
        "as classical, with parts of images of rare classes pasted onto those of plentiful ones, labelled by area",
        control=True,
        alternative=True,
        other_classes=True,
        usual_where_rare=True,
        source="CMO: Park et al. 2022, 2112.00412",
    ),
    Arm(
        "fourier-adapted",
        "as classical, with real images whose lowest frequencies have the amplitude of an image of another class",
        control=True,
        alternative=True,
        other_classes=True,
        source="FDA: Yang & Soatto 2020, 2004.05498",
    ),
    Arm(
        "histogram-matched",
        "as classical, with real images that have the histogram of an image of another class",
        control=True,
        alternative=True,
        other_classes=True,
    ),
    Arm(
        "random-light",
        "as classical, with real images whose lowest frequencies are replaced by a smooth random field",
        control=True,
        alternative=True,
        other_classes=True,
    ),
    Arm(
        "light-within-class",
        "as classical, with real images in the light of other images of their own class",
        needs_composed=True,
        control=True,
        alternative=True,
    ),
    Arm(
        "donor-mean",
        "as classical, with real images made as bright as an image of another class, in their own light",
        needs_composed=True,
        control=True,
        alternative=True,
        other_classes=True,
    ),
    Arm(
        "one-class",
        "the good real images alone: a memory bank of their patches, from which images are the farther the worse",
        control=True,
        alternative=True,
        needs_good=True,
        usual=True,
        locates=True,
        source="PatchCore: Roth et al. 2022, 2106.08265",
    ),
    Arm(
        "one-class-joined",
        "as classical, and the mean of that network's score and the score of one-class",
        control=True,
        alternative=True,
        needs_good=True,
        usual=True,
    ),
    Arm(
        "relight",
        "as classical, with new images of real details in the light of images of other classes",
        needs_composed=True,
        new_images=True,
        other_classes=True,
        judged=6,
    ),
    Arm(
        "compose",
        "as classical, with new images composed as the recipe compose does: the details of two real images joined, in "
        "the light of images of other classes",
        needs_composed=True,
        new_images=True,
        other_classes=True,
        judged=5,
        locates=True,
    ),
    Arm(
        "placed",
        "as classical, with defects that a network trained on the real images has put on other real ones (recipe "
        "placed)",
        new_images=True,
        needs_masks=True,
        judged=4,
        locates=True,
        locates_only=True,
        placed_by=("placed",),
    ),
    Arm(
        "placed-and-pasted",
        "as placed, and as many images of copy-paste",
        new_images=True,
        needs_masks=True,
        judged=4,
        locates=True,
        locates_only=True,
        placed_by=("placed", "copy-paste"),
    ),
    Arm(
        "generated",
        "as classical, with generated images in a part of each batch",
        True,
        other_classes=True,
        usual=True,
        judged=3,
    ),
    Arm(
        "filtered",
        "as generated, but which images, how many and for which classes was chosen inside the training images",
        True,
        other_classes=True,
        filters=True,
        needs_choice=True,
        usual=True,
        judged=1,
    ),
    Arm(
        "recommended",
        "what the evidence inside the training images favours: filtered, or compose or relight in a share and for "
        "classes chosen there; else classical",
        new_images=True,
        other_classes=True,
        filters=True,
        needs_choice=True,
        usual=True,
    ),
    Arm(
        "pseudo-labelled-generated",
        "as pseudo-labelled, with generated images that the same network has labelled",
        True,
        other_classes=True,
        filters=True,
        needs_teacher=True,
        usual=True,
        judged=2,
        formerly="taught-generated",
    ),
    Arm("only-generated", "generated images alone, under the classical transforms", True, other_classes=True, judged=4),
):
    register(_arm)
