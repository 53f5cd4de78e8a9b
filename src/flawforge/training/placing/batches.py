"""What recipe `placed` trains on: windows about real defects, and windows with defects that are to be made.

Those to be made are a pool that is laid once, a function of the seed: real defects on other grounds, and in every
fourth a real one that is to be rebuilt from its mask and surroundings. A batch is a function of (seed, step) alone, as
`flawforge.training.native.batches.NativeBatches` are.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
from torch import Tensor

from flawforge.core.arrays import Bools, Floats32, Ints
from flawforge.core.images import whole_planes
from flawforge.core.progress import Progress
from flawforge.core.seeds import numpy_stream
from flawforge.core.settings.recipe import Recipe
from flawforge.data.grouping.registration import turned
from flawforge.data.sampling.grounds import Grounds
from flawforge.data.sampling.material import Material
from flawforge.models.native import in_turn
from flawforge.models.placed import PlacedInputs
from flawforge.training.native.batches import HalfPatches, patch, planes
from flawforge.training.placing.choice import ChosenPlacing
from flawforge.training.placing.learnt import Placed, Window, whole_window, window_about
from flawforge.training.processes.processes import Processes
from flawforge.training.setup.batches import make_order

POOL, REBUILT = 64, 4  # windows of a class; every fourth shows a real defect that is to be rebuilt


@dataclass(frozen=True)
class _Shown:
    """A window: its planes (k, h, w), where its defect is (h, w), and what it really shows (C, h, w); None: unknown."""

    planes: Floats32
    where: Bools
    truth: Floats32 | None = None

    @cached_property
    def inside(self) -> Ints:
        """(n, 2) the pixels of the defect."""
        return np.argwhere(self.where)

    def corner(self, size: tuple[int, int], at: float, rng: np.random.Generator) -> tuple[float, float]:
        """Return where a patch lies, as shares of the room that there is: about a pixel of the defect."""
        middle = self.inside[int(at * len(self.inside))] + rng.integers(-8, 9, 2)
        room = [max(0, whole - side) for whole, side in zip(self.where.shape, size, strict=True)]
        top, left = (
            (float(np.clip(place - side // 2, 0, most)) + 0.5) / (most + 1)
            for place, side, most in zip(middle.tolist(), size, room, strict=True)
        )
        return top, left


class PlacedBatches(HalfPatches):
    """Batches of recipe `placed`: patches in turn with whole windows of the same classes.

    Args:
        material: the training images.
        grounds: what defects are put on.
        chosen: how they are placed.
        recipe: the settings.
        seed: of the streams ``order``, ``latents`` and ``augmentation``.
        processes: those that share the batch.
        progress: where to tell how far laying is.
        pool: windows of a class that are laid; None: 64.

    Raises:
        SettingError: the batch is not even in each process. DataUnusableError: the defects of a class fit no ground.
    """

    def __init__(
        self,
        material: Material,
        grounds: Grounds,
        chosen: ChosenPlacing,
        recipe: Recipe,
        seed: int,
        processes: Processes,
        progress: Progress,
        pool: int | None = None,
    ) -> None:
        super().__init__(material, recipe, seed, processes)
        self.grounds, self.chosen = grounds, chosen
        self.symmetries: dict[int, list[int]] = {}
        self.real: dict[int, list[_Shown]] = {}
        self.pool: dict[int, list[_Shown]] = {}
        shown, pool = [], POOL if pool is None else pool
        with progress.task("laying defects on grounds", pool * len(chosen.symmetries), "windows") as task:
            for label, turns in chosen.symmetries.items():
                code = material.training.classes.index(label)
                engine = Placed(material, grounds, label, chosen.how, lambda window, _: window.laid, 1.0, turns)
                square = recipe.resolution[0] == recipe.resolution[1]
                self.symmetries[code] = [turn for turn in turns if square or turn < 4]
                self.real[code] = [
                    self._real(defect.pixels, defect.mask) for shot in engine.shots for defect in shot.defects
                ]
                self.pool[code] = []
                for number in range(pool):
                    self.pool[code].append(
                        _laid(engine, numpy_stream(seed, "augmentation", "pool", label, number), number)
                    )
                    task.advance()
                shown += [len(self.pool) - 1] * len(engine.shots)
        self.labels, self.made = np.array(shown, dtype=np.int64), np.array(list(self.pool), dtype=np.int64)
        self.order = make_order(self.labels, len(self.made), recipe.balance, 0.5, seed, self.count)
        self.real_whole = {
            code: [whole_planes(one.planes, recipe.resolution) for one in every] for code, every in self.real.items()
        }
        self.pool_whole = {
            code: [whole_window(one.planes, recipe.resolution) for one in every] for code, every in self.pool.items()
        }

    def codes(self, step: int) -> Ints:
        """Return (batch / 2,) the classes that step number `step` (from 0) shows, in this process."""
        codes: Ints = self.made[self.labels[self._rows(step)]]
        return codes

    def at(self, step: int, device: torch.device) -> Tensor:
        """Return real windows (batch, C, h, w): a patch and the whole of each in turn, turned as the class may be."""
        patches, whole = [], []
        for code, rng in self._draws(step, "real"):
            number = int(rng.integers(len(self.real[code])))
            one, turn = self.real[code][number], int(rng.choice(self.symmetries[code]))
            cut, _ = patch(one.planes, self.recipe.resolution, one.corner(self.recipe.resolution, rng.random(), rng))
            patches.append(_turned(cut, turn))
            whole.append(_turned(self.real_whole[code][number], turn))
        return in_turn(torch.from_numpy(np.stack(patches)), torch.from_numpy(np.stack(whole))).to(device)

    def inputs_at(self, step: int, latent: int, device: torch.device) -> PlacedInputs:
        """Return the windows that step number `step` makes defects in, with latents of so many numbers."""
        drawn = [(code, int(rng.integers(len(self.pool[code]))), rng) for code, rng in self._draws(step, "laid")]
        return self._inputs(drawn, *self._drawn(step, latent), device)

    def preview_inputs(self, codes: Sequence[int], device: torch.device) -> PlacedInputs:
        """Return windows of these classes: always the same ones."""
        drawn = [
            (code, number % POOL, numpy_stream(self.seed, "previews", "patches", number))
            for number, code in enumerate(codes)
        ]
        return self._inputs(drawn, *self._drawn_for_previews(len(codes)), device)

    def _inputs(
        self,
        drawn: Sequence[tuple[int, int, np.random.Generator]],
        latents: Tensor,
        noise: Tensor,
        device: torch.device,
    ) -> PlacedInputs:
        size, channels = self.recipe.resolution, self.material.channels
        patches, places, truths, known = [], [], [], []
        for code, number, rng in drawn:
            one = self.pool[code][number]
            corner = one.corner(size, rng.random(), rng)
            cut, place = patch(one.planes, size, corner)
            patches.append(cut)
            places.append(place)
            known.append(one.truth is not None)
            if one.truth is None:
                truths += [cut[:channels]] * 2
            else:
                truths += [patch(one.truth, size, corner)[0], whole_planes(one.truth, size)]
        inputs = PlacedInputs(
            torch.from_numpy(np.stack([self.pool_whole[code][number] for code, number, _ in drawn])),
            torch.from_numpy(np.stack(patches)),
            torch.tensor(places, dtype=torch.float32),
            latents,
            noise,
            torch.from_numpy(np.stack(truths)),
            torch.tensor(known, dtype=torch.float32),
        )
        return PlacedInputs(*(tensor.to(device) for tensor in inputs))

    def _draws(self, step: int, what: str) -> list[tuple[int, np.random.Generator]]:
        """Return the class and the stream of each window of this process."""
        streams = [numpy_stream(self.seed, "order", "windows", what, step, place) for place in range(self.count)]
        mine = self.processes.mine([(place,) for place in range(self.count)])
        return [(int(code), streams[place]) for code, (place,) in zip(self.codes(step), mine, strict=True)]

    def _real(self, pixels: Floats32, mask: Bools) -> _Shown:
        part = window_about(mask)
        return _Shown(planes(pixels[part]), mask[part])


def _laid(engine: Placed, rng: np.random.Generator, number: int) -> _Shown:
    """Return a window of the pool."""
    if number % REBUILT == REBUILT - 1:
        shot = engine.shots[int(rng.integers(len(engine.shots)))]
        window, truth = engine.rebuilt(shot.defects[int(rng.choice(len(shot.defects), p=shot.shares))], shot.row, rng)
        return _Shown(window.planes(), window.alpha > 0, planes(truth))
    kept: list[Window] = []

    def keep(window: Window, _: np.random.Generator) -> Floats32:
        kept.append(window)
        return window.laid

    engine.refine = keep
    engine.image(rng)
    return _Shown(kept[0].planes(), kept[0].alpha > 0)


def _turned(image: Floats32, turn: int) -> Floats32:
    return np.ascontiguousarray(turned(image.transpose(1, 2, 0), turn).transpose(2, 0, 1))
