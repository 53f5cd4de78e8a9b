"""The preparation of a repeat: a generator that sees its shots alone, the images that it makes, and marks for them."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from flawforge.core.arrays import Bools, Bytes, Floats32, Ints
from flawforge.core.callables import call, named_callable
from flawforge.core.errors import DataUnusableError, SettingError
from flawforge.core.images import Pixels
from flawforge.core.progress import SILENT, Progress
from flawforge.core.seeds import derive
from flawforge.core.settings.arms import ARMS
from flawforge.core.settings.recipes import recipe as find_recipe
from flawforge.data.dataset import Dataset
from flawforge.metrics.fidelity.precision_recall import realism
from flawforge.models.extractors import find_extractor
from flawforge.runs.folder import Run
from flawforge.studies.sets import SyntheticSet
from flawforge.studies.synthesis import MIXED, generate
from flawforge.studies.trial.cells.usage import GeneratedBatch
from flawforge.studies.trial.setup.bench import Bench, seen
from flawforge.studies.trial.setup.leaks import refuse_generated_leak
from flawforge.studies.trial.setup.whole_image import Textures
from flawforge.training.classifier.fit import fit, predict
from flawforge.training.classifier.labelled_images import LabelledImages
from flawforge.training.train import train

TYPICAL = 1.0  # truncation of the second half of the images, where the generator has a latent to truncate
TEACHER = "effnet-probe"
VIEWS, FEWEST_VIEWS = 8, 128  # changed images that the teacher learns from: of each shot, and in all
ENOUGH_REALISM = 20.0  # realism is capped here: a copy's is infinite


def prepare(
    bench: Bench, shots: Ints, seed: int, folder: Path | None, progress: Progress = SILENT
) -> tuple[GeneratedBatch, dict[str, Any]]:
    """Train a generator on some images, make new ones and mark them.

    Args:
        bench: of the trial.
        shots: indices of the images that the generator may see.
        seed: of the generator and the images.
        folder: run folder to train in, or to go on with; None works in a temporary one.
        progress: where to tell how far it is.

    Returns:
        The images, marked where an arm filters, and facts of how they were made.

    Raises:
        DataUnusableError: test images leaked into what was made. SettingError: the user's generator is none.
    """
    data = bench.dataset.take(shots.tolist())
    if bench.settings.generator is not None:
        images, labels, typical, facts = _by_user(bench, data, seed)
    elif folder is not None:
        images, labels, typical, facts = _by_recipe(bench, data, seed, folder, progress)
    else:
        with tempfile.TemporaryDirectory() as aside:
            images, labels, typical, facts = _by_recipe(bench, data, seed, Path(aside) / "run", progress)
    channels, resolution = bench.images.shape[1], bench.settings.resolution
    shown = np.stack([seen(image, 255, channels, resolution, bench.jpeg) for image in images])
    planes = [image[0] if channels == 1 else image.transpose(1, 2, 0) for image in bench.images]
    textures = Textures(planes, bench.division.groups)
    small = [image[0] if channels == 1 else image.transpose(1, 2, 0) for image in shown]
    made_by = bench.settings.generator or f"the recipe {bench.settings.recipe}"
    refuse_generated_leak(bench.dataset, textures, bench.division, shots, small, made_by)
    novel = _novel(bench.images[shots], bench.division.groups[shots], shown)
    batch = GeneratedBatch(shown, labels, typical, novel)
    if any(ARMS[arm].filters for arm in bench.settings.arms):
        batch = marked(bench, shots, batch)
    return batch, facts | {"made": len(shown), "novel": int(novel.sum())}


def teacher_of(bench: Bench, shots: Ints, seed: int) -> torch.nn.Module:
    """Return a linear probe on pretrained features, trained on these images to tell the dataset's classes apart."""
    real = LabelledImages(torch.from_numpy(bench.images[shots]), torch.from_numpy(bench.dataset.labels[shots]))
    settings = bench.settings.classifier(TEACHER)
    views = min(settings.views, max(FEWEST_VIEWS, VIEWS * len(shots)))
    return fit(settings.model_copy(update={"views": views}), real, max(2, len(bench.dataset.classes)), seed)


def _by_recipe(
    bench: Bench, data: Dataset, seed: int, folder: Path, progress: Progress
) -> tuple[list[Pixels], Ints, Bytes, dict[str, Any]]:
    settings = bench.settings
    recipe = find_recipe(settings.recipe)
    minutes, kimg = settings.generator_minutes, settings.generator_kimg
    if not recipe.knows_classes and len(data.classes) > 1:
        raise SettingError(
            f"--recipe {settings.recipe} knows no classes, so that its images have no label to train on. "
            f"Take one that does: --recipe fewshot"
        )
    run = train(
        data, folder, recipe, minutes=minutes, kimg=kimg, seed=seed, resume=True, previews=4,
        unlabelled=bench.outside,
        command="flawforge trial", progress=progress,
    )  # fmt: skip
    images: list[Pixels] = []
    labels: list[int] = []
    typical: list[int] = []
    codes = {label: code for code, label in enumerate(bench.dataset.classes)}
    half = settings.made // 2
    for count, truncation, place in (
        (settings.made - half, None, run.synthetic),
        (half, TYPICAL, run.path / "typical"),
    ):
        made = generate(
            run, count, seed=seed, truncation=truncation, out=place, command="flawforge trial", progress=progress
        )
        found = _read(made)
        images += [image for image, _ in found]
        labels += [codes[data.classes[0] if label == MIXED else label] for _, label in found]
        typical += [int(truncation is not None)] * len(found)
    return images, np.array(labels, np.int64), np.array(typical, np.uint8), _facts(run)


def _read(made: SyntheticSet) -> list[tuple[Pixels, str]]:
    out = []
    for entry in made.entries():
        pixels, white = made.read(entry), made.white(entry)
        if white != 255:
            pixels = np.rint(np.minimum(pixels, white) * (255 / white)).astype(np.uint8)
        out.append((pixels, entry.label))
    return out


def _facts(run: Run) -> dict[str, Any]:
    from flawforge.runs.checkpoint import require_checkpoint

    facts = require_checkpoint(run).facts
    return {"generator": "recipe", "kimg": facts["kimg"], "training_seconds": round(float(facts["seconds"]), 1)}


def _by_user(bench: Bench, data: Dataset, seed: int) -> tuple[list[Pixels], Ints, Bytes, dict[str, Any]]:
    name = str(bench.settings.generator)
    result = call(named_callable(name, "--generator"), name, "--generator", data, bench.settings.made, seed)
    if not isinstance(result, Mapping) or not result:
        raise SettingError(f"--generator {name} returned {type(result).__name__}; it returns class -> images.")
    images: list[Pixels] = []
    labels: list[int] = []
    for label, stack in result.items():
        if label not in data.classes:
            raise SettingError(f"--generator {name} returned class '{label}'; there are {', '.join(data.classes)}.")
        array = np.asarray(stack)
        if array.dtype != np.uint8 or array.ndim not in (3, 4) or (array.ndim == 4 and array.shape[3] != 3):
            raise SettingError(
                f"--generator {name} returned {array.dtype} {array.shape} for class '{label}'; it returns uint8 "
                f"(n, H, W) or (n, H, W, 3)."
            )
        images += list(array)
        labels += [bench.dataset.classes.index(label)] * len(array)
    if not images:
        raise DataUnusableError(f"--generator {name} returned no image.")
    return images, np.array(labels, np.int64), np.zeros(len(images), np.uint8), {"generator": name}


def marked(bench: Bench, shots: Ints, batch: GeneratedBatch) -> GeneratedBatch:
    """Return generated images with what a filter can ask of each, for which the shots alone are looked at.

    They are marked when they are made, if an arm needs it then; an arm that was added later marks them itself.
    """
    if batch.soft is not None:
        return batch
    images, labels = batch.images, batch.labels
    teacher = teacher_of(bench, shots, derive(bench.settings.seed, "weights", "teacher", len(shots)))
    soft = predict(teacher, torch.from_numpy(images)).numpy()
    extract = find_extractor("effnet-lite0")
    own, other = (extract(torch.from_numpy(part).float() / 127.5 - 1) for part in (bench.images[shots], images))
    realistic = np.full(len(images), ENOUGH_REALISM, np.float32)
    for code in np.unique(labels):
        rows, members = labels == code, bench.dataset.labels[shots] == code
        if members.sum() > 1:
            found = realism(own[members], other[rows], k=min(3, int(members.sum()) - 1))
            realistic[rows] = np.minimum(found, ENOUGH_REALISM)
    return replace(batch, soft=soft.astype(np.float32), realism=realistic)


def _novel(real: Bytes, groups: Ints, images: Bytes) -> Bytes:
    """Return (M,) 0 where an image is nearer to a shot, mirrored or not, than any two shots of different groups are."""
    flat = real.reshape(len(real), -1).astype(np.float32)
    flips = [real, real[..., ::-1], real[:, :, ::-1], real[:, :, ::-1, ::-1]]

    def nearest(rows: Floats32, excluded: Bools | None) -> Floats32:
        best = np.full(len(rows), np.inf, np.float32)
        for flip in flips:
            other = np.ascontiguousarray(flip).reshape(len(real), -1).astype(np.float32)
            squares = (rows**2).sum(1)[:, None] + (other**2).sum(1)[None] - 2 * rows @ other.T
            if excluded is not None:
                squares[excluded] = np.inf
            best = np.minimum(best, squares.min(1))
        return best

    between = nearest(flat, groups[:, None] == groups[None])
    limit = float(between.min()) if np.isfinite(between).any() else 0.0
    return (nearest(images.reshape(len(images), -1).astype(np.float32), None) >= limit).astype(np.uint8)
