"""How defects are placed: which turns each class shows, what is cut out, and what it is put on."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import asdict, dataclass, fields
from functools import partial
from typing import Any

import numpy as np
import torch
from torch import nn

from flawforge.core.errors import DataUnusableError, SettingError
from flawforge.core.images import Pixels, grid, opaque, resize, to_pixels
from flawforge.core.plural import plural
from flawforge.core.progress import SILENT, Progress, Task
from flawforge.core.seeds import numpy_stream
from flawforge.core.settings.recipe import Placing, Recipe
from flawforge.data.dataset import Dataset
from flawforge.data.estimates import estimated_sentences
from flawforge.data.good_names import find_good
from flawforge.data.sampling.grounds import Grounds
from flawforge.data.sampling.material import Material
from flawforge.models.placed import PlacedGenerator
from flawforge.runs.folder import PLACED_SHEET, STRIPS, Run
from flawforge.training.composition import find_symmetries, settle_run
from flawforge.training.placing.defects import find_shots, marks_of
from flawforge.training.placing.engine import CopyPaste, Engine, PlacedImage, Procedural, drawn_classes, no_defects
from flawforge.training.placing.learnt import Placed, Refining
from flawforge.training.placing.strips import draw_strips
from flawforge.training.setup.inputs import TrainingInputs
from flawforge.training.setup.opening import OpenedRun

GROUPS, ACROSS, GAP, SIDE = 12, 3, 16, 128  # of pictures in the preview, of them in a row, pixels between, of a picture


@dataclass(frozen=True)
class ChosenPlacing:
    """How the images of a run are made.

    Attributes:
        how: the settings.
        symmetries: class that can be made to the turns that its defects may take, numbers as in `turned`.
        sentence: what that is, in words.
    """

    how: Placing
    symmetries: dict[str, list[int]]
    sentence: str

    def facts(self) -> dict[str, Any]:
        """Return it as a checkpoint holds it."""
        return asdict(self)


def check_placing(recipe: Recipe, training: Dataset, good_donors: Collection[str]) -> None:
    """Refuse images that nothing can be cut out of, or put on, before a run folder is made.

    Raises:
        DataUnusableError: they are such. SettingError: what is drawn would be called good.
    """
    good = find_good(training.classes)
    if recipe.design == "procedural" and recipe.label and recipe.label in (good, find_good((recipe.label,))):
        raise SettingError(
            f"--label is '{recipe.label}', which names images without a defect; it names the class of the drawn "
            f"defects, such as 'scuff'."
        )
    marked = {sample.label for row, sample in enumerate(training.samples) if marks_of(training, row)} - {good}
    if recipe.design != "procedural" and not marked:
        raise DataUnusableError(no_defects([label for label in training.classes if label != good] or [str(good)]))
    if recipe.design == "procedural" and good is None and not good_donors and recipe.label not in marked:
        raise DataUnusableError(
            f"defects are drawn on good images, and {training.source} has no class of good images (such as 'good' or "
            f"'ok'). Add one, or give --label the name of a class whose labels say where its defects are: what is "
            f"unmarked there serves too."
        )


def placing_run(opened: OpenedRun, inputs: TrainingInputs, seed: int, previews: bool, progress: Progress) -> Run:
    """Find out how defects are placed, and leave a run with one checkpoint. A run that has one is left as it is.

    Args:
        opened: a new run folder, or an interrupted one.
        inputs: what it is made of.
        seed: of the previews.
        previews: whether to draw some images.
        progress: where to tell how far it is.

    Raises:
        DataUnusableError: no defect can be cut out, or there is nothing to put it on.
    """
    draw = partial(_draw, good=inputs.good, seed=seed) if previews else None
    return settle_run(opened, inputs, partial(choose_placing, good=inputs.good), draw, progress)


def choose_placing(
    recipe: Recipe, material: Material, progress: Progress = SILENT, good: Collection[str] = ()
) -> ChosenPlacing:
    """Return how defects are placed, as the recipe says, and the turns of each class that is made.

    Raises:
        DataUnusableError: no defect can be cut out, or there is nothing to put it on.
    """
    how, grounds = (
        Placing(**{field.name: getattr(recipe, field.name) for field in fields(Placing)}),
        Grounds(material, good),
    )
    if recipe.design == "procedural":
        turns = {label: [0] for label in drawn_classes(how)}
        for label in turns:
            Procedural(material, grounds, label, how)
        text = f"Defects are drawn on {_grounds(grounds)}: {', '.join(turns)}."
        if namesakes := [] if how.label else sorted({*turns} & {*material.training.classes}):
            text += (
                f" They look like no image of yours, though {' and '.join(namesakes)} has the name of a class of "
                f"yours: give --label another to keep them apart."
            )
        return ChosenPlacing(how, turns, text)
    clean = find_good(material.training.classes)
    wanted = [label for label in material.training.classes if label != clean]
    made = [label for label in wanted if find_shots(material, label)]
    if not made:
        raise DataUnusableError(no_defects(wanted))
    symmetries, fixed = find_symmetries(recipe, material, progress)
    text = f"Defects of {', '.join(made)} are cut out and put on {_grounds(grounds)} ({how.blending})."
    if recipe.learns:
        text += " A network changes them inside their masks."
    if fixed and not recipe.keep_geometry:
        text += " Images have a fixed geometry, so defects are only mirrored where that maps it onto itself."
    if lacking := [label for label in wanted if label not in made]:
        text += f" None of {', '.join(lacking)} can be cut out: no label marks one, or it fills half of its image."
    coloured = [label for label in made if any(not material.training.samples[row].gray for row in material.rows(label))]
    if coloured and all(source.sample.gray for source in grounds.sources):
        text += f" Images of {', '.join(coloured)} have colour, and no ground has any: on gray it will stand out."
    text = " ".join([text, *estimated_sentences(material.training.samples)])
    return ChosenPlacing(how, {label: symmetries[label] for label in made}, text)


def build_engine(
    recipe: Recipe,
    material: Material,
    grounds: Grounds,
    label: str,
    chosen: ChosenPlacing,
    strength: float | None = None,
    network: nn.Module | None = None,
    device: torch.device | None = None,
) -> Engine:
    """Return the engine of a recipe for a class; of one that learns, with its network, and where that is. Errors as of
    `Engine`.
    """
    how = chosen.how
    if recipe.design == "procedural":
        return Procedural(material, grounds, label, how, strength)
    turns = chosen.symmetries[label]
    if not recipe.learns:
        return CopyPaste(material, grounds, label, how, strength, turns)
    assert isinstance(network, PlacedGenerator)
    code = material.training.classes.index(label)
    refine = Refining(network, code, recipe.resolution, recipe.latent, device or torch.device("cpu"))
    return Placed(material, grounds, label, how, refine, strength, turns)


def _grounds(grounds: Grounds) -> str:
    if grounds.good:
        return plural(len(grounds.good), "good image")
    if len(grounds.sources) == 1:
        return "what is unmarked of 1 image of the same class, whose own defects stay"
    return f"what is unmarked of {len(grounds.sources):,} images of the same class, whose own defects stay"


def _draw(
    run: Run, material: Material, chosen: ChosenPlacing, progress: Progress, good: Collection[str] = (), seed: int = 0
) -> None:
    grounds = Grounds(material, good)
    engines = [build_engine(run.recipe, material, grounds, label, chosen) for label in chosen.symmetries]
    with progress.task("drawing previews", GROUPS, "images") as task:
        draw_sheets(run, engines, seed, task)


def draw_sheets(run: Run, engines: Sequence[Engine], seed: int, task: Task) -> None:
    """Draw ``previews/placed.png``: placed images beside the ground, the image that each defect is cut from, and the
    mask; and the strips (`draw_strips`).

    Args:
        run: whose previews.
        engines: of each class, without a strength of their own.
        seed: of the defects.
        task: told of each image.
    """
    groups: list[Pixels] = []
    for number in range(GROUPS):
        engine = engines[number % len(engines)]
        cells = _cells(engine.image(numpy_stream(seed, "previews", "placing", engine.label, number)), engine)
        groups.append(opaque(grid(cells, len(cells))))
        task.advance()
    run.save_sheet(PLACED_SHEET, grid(groups, ACROSS, gap=GAP, background=0))
    draw_strips(run, engines[:STRIPS], seed)


def _cells(made: PlacedImage, engine: Engine) -> list[Pixels]:
    mask = made.mask.astype(np.float32)
    pixels = made.placed.pixels
    like = mask if pixels.ndim == 2 else np.repeat(mask[..., None], 3, axis=2)
    shot = [] if made.shot is None else [engine.material[made.shot].pixels]
    shown = (engine.grounds[made.ground].pixels, *shot, pixels, like)
    return [resize(to_pixels(2 * pixels - 1), SIDE, SIDE) for pixels in shown]
