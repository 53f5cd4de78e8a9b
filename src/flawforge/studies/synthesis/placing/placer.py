"""The placer of a run of a recipe that places: image i is a function of seed, class, i and settings."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np
import torch
from torch import Tensor

from flawforge.core.arrays import Bools, Floats32
from flawforge.core.errors import DataUnusableError
from flawforge.core.files import explain_os_errors, write_bytes
from flawforge.core.images import ImageFormat, Mode, as_planes, encode_png, to_pixels
from flawforge.core.progress import Progress
from flawforge.core.seeds import numpy_stream
from flawforge.core.settings.recipe import Placing
from flawforge.data.augmentation.composition import Place
from flawforge.data.augmentation.pasting import Defect
from flawforge.data.dataset import Dataset
from flawforge.data.sample import Sample
from flawforge.data.sampling.grounds import Grounds
from flawforge.data.sampling.material import Material
from flawforge.data.writing.patches import parts_of, patch_of
from flawforge.runs.checkpoint import Checkpoint
from flawforge.runs.folder import Run
from flawforge.runs.set_files import SUPPORTS, ManifestEntry, read_entries
from flawforge.studies.sets import find_material
from flawforge.studies.synthesis.composer import BATCH, ComposedPicture, Composer, chosen_in
from flawforge.studies.synthesis.placing.asked import AskedPlacing, ground_name
from flawforge.studies.synthesis.sampler import load_generator
from flawforge.training.placing.choice import ChosenPlacing, build_engine
from flawforge.training.placing.engine import Engine, PlacedImage

SHOWN = 4  # images of a set that the report shows beside their grounds, where there are no more classes


@dataclass(frozen=True)
class PlacedPicture(ComposedPicture):
    """One placed image, as a set holds it.

    Attributes:
        ground: the image that the defect was put on.
        support: (H, W) bool, all pixels that were changed.
        placed: how, as JSON values.
    """

    ground: Sample
    support: Bools
    placed: dict[str, Any]

    def described(self, entry: ManifestEntry) -> ManifestEntry:
        """Return a manifest's entry with what the image is made of."""
        return replace(
            super().described(entry),
            support=f"{SUPPORTS}/{entry.file}",
            ground=self.ground.file,
            ground_sha256=self.ground.sha256,
            placed=self.placed,
        )

    def marks(self, entry: ManifestEntry) -> dict[str, Bools]:
        """Return mask and support by their paths."""
        return {**super().marks(entry), entry.support: self.support}


class Placer(Composer):
    """Puts defects on real grounds, at their own size."""

    def __init__(
        self,
        run: Run,
        checkpoint: Checkpoint,
        data: Dataset,
        asked: AskedPlacing,
        progress: Progress,
        device: torch.device | None = None,
        weights: dict[str, Tensor] | None = None,
    ) -> None:
        """Find the training images and the grounds again, and load the network of a recipe that learns.

        Raises:
            DataNotFoundError, DataUnusableError: they are gone or changed, or a mask has the size of no ground.
            RunBrokenError: the checkpoint says nothing of how images are made.
        """
        how = chosen_in(checkpoint, Placing)
        facts = checkpoint.facts["composition"]
        chosen = ChosenPlacing(how, facts["symmetries"], "")
        self.recipe, self.checkpoint, self.batch, self.asked = run.recipe, checkpoint, BATCH, asked
        training, others, barred = find_material(run, data, progress)
        self.classes = list(chosen.symmetries)
        self.material = Material(training, others, barred, run.settings.channels, progress)
        donors = run.settings.donors
        self.grounds = Grounds(self.material, () if donors is None else donors.good, asked.grounds, asked.region)
        self._chosen, self.kept = chosen, run.grounds
        self.engine = cache(lambda label: self.new_engine(label, self.grounds, asked.strength))
        self.masks = [(ground_name(name), mask) for name, mask in asked.masks.items()]
        self.device = device or torch.device("cpu")
        self.network = load_generator(run, checkpoint, self.device, weights) if run.recipe.learns else None
        self._refuse_other_sizes()

    def new_engine(self, label: str, grounds: Grounds, strength: float | None) -> Engine:
        """Return an engine of a class for some grounds; errors as of `Engine`."""
        how = (label, self._chosen, strength, self.network, self.device)
        return build_engine(self.recipe, self.material, grounds, *how)

    def images(self, seed: int, label: str, number: int, truncation: float | None = None) -> list[ComposedPicture]:
        """Make batch `number` of a class: images number·batch and following; `generate` refuses a truncation before."""
        engine, out = self.engine(label), list[ComposedPicture]()
        for index in range(number * BATCH, number * BATCH + BATCH):
            rng = numpy_stream(seed, "samples", label, index)
            out.append(self._picture(engine, self._made(engine, rng)))
        return out

    def keep_grounds(self, folder: Path) -> None:
        """Write the grounds of the first images of each class of a run's set, 8 bits, where the report finds them."""
        each, seen, wanted = -(-SHOWN // len(self.classes)), Counter[str](), set[str]()
        for entry in read_entries(folder):
            seen[entry.label] += 1
            if seen[entry.label] <= each:
                wanted.add(entry.ground_sha256)
        with explain_os_errors(self.kept):
            self.kept.mkdir(parents=True, exist_ok=True)
            for old in self.kept.glob("*.png"):
                old.unlink()
        for number in range(len(self.grounds.sources)):
            if (content := self.grounds.content(number)) in wanted:
                pixels = to_pixels(2 * self.grounds[number].pixels - 1)
                mode: Mode = "L" if pixels.ndim == 2 else "RGB"
                write_bytes(self.kept / f"{content}.png", encode_png(pixels, mode), durable=False)

    def _made(self, engine: Engine, rng: np.random.Generator) -> PlacedImage:
        if not self.masks:
            return engine.image(rng)
        name, mask = self.masks[int(rng.integers(len(self.masks)))]
        named = self._named(name, engine.numbers.tolist())
        return engine.inside(mask, rng, named[0] if named else None)

    def _named(self, name: str, numbers: Sequence[int]) -> list[int]:
        """Return the grounds that a mask of this name belongs to: in folders of the same names too, else in any."""
        files = {n: PurePosixPath(self.grounds.sources[n].sample.file).with_suffix("") for n in numbers}
        same = [n for n, file in files.items() if f"/{file}".endswith(f"/{name}")]
        return same or [n for n, file in files.items() if file.name == PurePosixPath(name).name]

    def _picture(self, engine: Engine, made: PlacedImage) -> PlacedPicture:
        pixels, ground = made.placed.pixels, self.grounds.sources[made.ground].sample
        planes = as_planes(pixels)
        height, width = pixels.shape[:2]
        mode = ground.format.mode if self.material.channels == 3 or ground.gray else "L"
        shot = [] if made.shot is None else [self.material.training.samples[made.shot].file]
        patch = patch_of(made.mask)
        boxes = [] if patch is None else [part.box for part in parts_of(patch, diagonal=True)]
        return PlacedPicture(
            np.ascontiguousarray(2 * planes - 1),
            ImageFormat(mode, width, height),
            tuple(shot),
            "",
            made.mask,
            tuple(Place(engine.label, *box) for box in boxes),
            _clipped(made, self.grounds[made.ground].pixels),
            ground,
            made.placed.support,
            {**made.settings, **_measured(made, self.grounds[made.ground].pixels)},
        )

    def _refuse_other_sizes(self) -> None:
        sizes = {self.grounds.size(source) for source in self.grounds.sources}
        unlike = [name for name, mask in self.asked.masks.items() if mask.shape not in sizes]
        if unlike:
            height, width = self.asked.masks[unlike[0]].shape
            some = ", ".join(f"{across}x{down}" for down, across in sorted(sizes)[:3])
            raise DataUnusableError(
                f"--masks: {len(unlike):,} of {len(self.masks):,} have the size of no ground (such as {unlike[0]}, "
                f"{width}x{height}; grounds have {some}). A mask says where on its ground the defect is, so both have "
                f"one size."
            )
        every = range(len(self.grounds.sources))
        owners = [
            (name, mask, self.grounds.sources[n]) for name, mask in self.masks for n in self._named(name, every)[:1]
        ]
        other = [(name, mask, own) for name, mask, own in owners if self.grounds.size(own) != mask.shape]
        if other:
            name, mask, own = other[0]
            raise DataUnusableError(
                f"--masks: {len(other):,} of {len(self.masks):,} have another size than the ground of their name (such "
                f"as {name}, {mask.shape[1]}x{mask.shape[0]}; {own.sample.file} has {own.sample.width}x"
                f"{own.sample.height}). Scale them to it, or rename them to have them put on any ground of their size."
            )


def declared_of(pictures: Sequence[ComposedPicture]) -> list[list[str]]:
    """Return of each picture the SHA-256 of the grounds that it declares beside its sources."""
    return [[one.ground.sha256] if isinstance(one, PlacedPicture) else [] for one in pictures]


def _measured(made: PlacedImage, ground: Floats32) -> dict[str, float]:
    """Return the share of the change to a ground that lies inside the mask of what was placed, and in gray levels by
    how much it is brighter there on average, and by how much defect and ground differ there from the light around.
    """
    change, marked = made.placed.pixels - ground, made.mask
    changed, mask = np.abs(change), made.placed.mask
    whole = float(changed.sum())
    inside = float(changed[mask].sum()) / whole if whole else 0.0
    shift = float(change[mask].mean()) * 255
    shown, under = (Defect(pixels, mask, marked).contrast for pixels in (made.placed.pixels, ground))
    measured = {"contrast": shown, "ground_contrast": under, "shift": shift}
    return {"inside": round(inside, 4), **{name: round(levels, 2) for name, levels in measured.items()}}


def _clipped(made: PlacedImage, ground: Floats32) -> float:
    """Return the share of pixels that became black or white where the defect was put."""
    pixels = made.placed.pixels
    return float((((pixels <= 0) | (pixels >= 1)) & (ground > 0) & (ground < 1)).mean())
