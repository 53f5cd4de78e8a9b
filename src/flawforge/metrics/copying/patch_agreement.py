"""Patch agreement: how well does any part of an image repeat a part of another one, in whatever position?

A copied patch agrees in its finest structure, which other images of the material do not share however alike they look.
So images are compared at the size at which they are given. Their finest band over its local contrast is *whitened*:
each spatial frequency is divided by what it holds in the training images, so that what all of them share (busbars,
grooves, the grid of a JPEG encoding) says little. Correlation over all shifts by Fourier transforms then finds where a
part fits (phase correlation, Kuglin & Hines 1975, with a whitening by the data in place of the pair), and within a
window of 40 % of the sides that slides over the overlap the best normalised correlation is the agreement.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import scipy.ndimage as nd
import torch
from scipy.fft import next_fast_len
from torch import Tensor
from torch.nn import functional as F

from flawforge.core.arrays import Floats32
from flawforge.metrics.copying.normalised_texture import apply_symmetry

FINE, COARSE = 0.7, 2.5  # pixels, standard deviations of the band's two Gaussians
NEAR = 6.0  # pixels, of the Gaussian over which contrast is local
SHARED = 0.1  # of the image's mean contrast that is added to the local one
FAINT = 0.25  # squared gray levels (of 255) that count as flat
RIM = 12  # pixels over which a texture fades out at its edges, which whitening would otherwise make as loud as all else
LEVEL = 0.03  # of the mean power that is added to a frequency's: what hardly occurs is not amplified
WINDOW = 0.4  # of the sides: a quarter of the area has sides of 0.5, less what is blended along its rim
APART = 0.1  # of the sides, that two equal parts of one image lie apart at least
JUDGED = 8  # of the images and symmetries that are tried, those whose correlation peaks highest
QUIET = 0.1  # of the mean energy that is added to a window's: where nothing is to be seen, nothing agrees
MOST = 0.999  # agreement that Fisher's z is taken of, at most

Box = tuple[int, int, int, int]  # left, top, width, height in pixels


class PatchMatch(NamedTuple):
    """The part of an image that repeats a part of a reference best.

    Attributes:
        score: Fisher z of the agreement; -1 where there was nothing to compare with.
        reference: its index; -1 there.
        symmetry: that lays the image onto the reference, see `apply_symmetry`.
        box: of the part in the image.
        source: of the part in the reference.
    """

    score: float
    reference: int = -1
    symmetry: int = 0
    box: Box = (0, 0, 0, 0)
    source: Box = (0, 0, 0, 0)


def fine_texture(image: Floats32) -> Tensor:
    """Return (H, W): the finest band of a gray image, 0..255, over its local contrast, faded out at the edges."""

    def smooth(values: Floats32, sigma: float) -> Floats32:
        blurred: Floats32 = nd.gaussian_filter(values, sigma, mode="mirror", truncate=3.0)
        return blurred

    values = np.asarray(image, dtype=np.float32)
    band = smooth(values, FINE) - smooth(values, COARSE)
    spread = smooth(band * band, NEAR)
    edges = [np.minimum(np.arange(side) + 0.5, side - 0.5 - np.arange(side)) / RIM for side in values.shape]
    down, across = (np.sin(np.pi / 2 * np.minimum(edge, 1)) ** 2 for edge in edges)
    faded = np.outer(down, across) * band / np.sqrt(spread + SHARED * spread.mean() + FAINT)
    return torch.from_numpy(faded.astype(np.float32))


@dataclass(frozen=True)
class WhiteSpectra:
    """References, transformed and whitened.

    Attributes:
        room: (height, width) of the transforms, no less than of any reference or query.
        sizes: (height, width) of each reference.
        weight: (R, S // 2 + 1) that each frequency is multiplied by.
        values: (N, R, S // 2 + 1) transforms of the references, whitened, each of norm 1.
    """

    room: tuple[int, int]
    sizes: list[tuple[int, int]]
    weight: Tensor
    values: Tensor

    @classmethod
    def of(cls, textures: Sequence[Tensor], largest: tuple[int, int] = (0, 0)) -> WhiteSpectra:
        """Transform the references; `largest` (height, width) is the size that queries may have."""
        sizes = [(int(one.shape[0]), int(one.shape[1])) for one in textures]
        high, wide = (max(*(size[axis] for size in sizes), largest[axis]) for axis in (0, 1))
        room = (next_fast_len(high, real=True), next_fast_len(wide, real=True))
        values = torch.stack([torch.fft.rfft2(one, s=room) for one in textures])
        power = values.real.square().mean(0) + values.imag.square().mean(0)
        weight = torch.rsqrt(power + LEVEL * power.mean() + 1e-12)
        values *= weight
        for one in values:
            one /= torch.fft.irfft2(one, s=room).norm().clamp_min(1e-6)
        return cls(room, sizes, weight, values)

    def whitened(self, row: int) -> Tensor:
        """Return (H, W) of a reference."""
        height, width = self.sizes[row]
        out: Tensor = torch.fft.irfft2(self.values[row], s=self.room)[:height, :width]
        return out

    def match(self, texture: Tensor, pairs: Sequence[tuple[int, int]] | None = None) -> PatchMatch:
        """Return the best match of a query.

        Args:
            texture: (H, W) from `fine_texture`, no larger than the room.
            pairs: what to try: a symmetry that the query is put through, and the index of a reference. None tries all.
        """
        if pairs is None:
            pairs = [(symmetry, row) for symmetry in range(8) for row in range(len(self.values))]
        turned = {symmetry: apply_symmetry(texture, symmetry) for symmetry in {symmetry for symmetry, _ in pairs}}
        high, wide = self.room
        spectra = {
            symmetry: torch.fft.rfft2(view, s=self.room) * self.weight
            for symmetry, view in turned.items()
            if view.shape[0] <= high and view.shape[1] <= wide
        }
        peaks = []
        for symmetry, row in pairs:
            if symmetry in spectra:
                peak, place = self._correlated(spectra[symmetry], self.values[row]).flatten().max(0)
                peaks.append((float(peak), symmetry, row, divmod(int(place), wide)))
        best = PatchMatch(-1.0)
        for _, symmetry, row, shift in sorted(peaks, reverse=True)[:JUDGED]:
            height, width = turned[symmetry].shape
            query = torch.fft.irfft2(spectra[symmetry], s=self.room)[:height, :width]
            found = _best_window(query, self.whitened(row), shift, self.room)
            if found is not None and found[0] > best.score:
                score, box, source = found
                best = PatchMatch(score, row, symmetry, _turned_back(box, symmetry, tuple(texture.shape)), source)
        return best

    def repeat(self, texture: Tensor) -> PatchMatch:
        """Return the best match of a part of an image with another part of the same image, as it lies.

        Shifts of less than `APART` of a side do not count. `reference` is 0.
        """
        spectrum = torch.fft.rfft2(texture, s=self.room) * self.weight
        height, width = texture.shape
        query = torch.fft.irfft2(spectrum, s=self.room)
        found = torch.fft.irfft2(spectrum.conj() * spectrum, s=self.room)
        down, right = (max(1, round(APART * side)) for side in (height, width))
        for rows in (slice(None, down), slice(1 - down, None) if down > 1 else slice(0, 0)):
            for columns in (slice(None, right), slice(1 - right, None) if right > 1 else slice(0, 0)):
                found[rows, columns] = -torch.inf
        shift = divmod(int(found.flatten().argmax()), self.room[1])
        best = _best_window(query[:height, :width], query[:height, :width], shift, self.room)
        return PatchMatch(-1.0) if best is None else PatchMatch(best[0], 0, 0, best[1], best[2])

    def _correlated(self, spectra: Tensor, others: Tensor) -> Tensor:
        out: Tensor = torch.fft.irfft2(spectra.conj().resolve_conj() * others, s=self.room)
        return out


def _best_window(
    query: Tensor, reference: Tensor, shift: tuple[int, int], room: tuple[int, int]
) -> tuple[float, Box, Box] | None:
    """Return the agreement in the best window and where it lies in both; None where no window fits into the overlap.

    A shift that goes round the room stands for four: each that leaves room for the window is tried.
    """
    high, wide = (max(4, round(WINDOW * min(a, b))) for a, b in zip(query.shape, reference.shape, strict=True))
    floors = QUIET * query.square().mean(), QUIET * reference.square().mean()
    best: tuple[float, Box, Box] | None = None
    for down in (shift[0], shift[0] - room[0]):
        for right in (shift[1], shift[1] - room[1]):
            top, left = max(0, -down), max(0, -right)
            bottom = min(query.shape[0], reference.shape[0] - down)
            end = min(query.shape[1], reference.shape[1] - right)
            if bottom - top < high or end - left < wide:
                continue
            a, b = query[top:bottom, left:end], reference[top + down : bottom + down, left + right : end + right]
            both, own, others = (_window_means(values, high, wide) for values in (a * b, a * a, b * b))
            fit = both / torch.sqrt((own.clamp_min(0) + floors[0]) * (others.clamp_min(0) + floors[1]) + 1e-12)
            value, at = fit.flatten().max(0)
            score = float(torch.atanh(value.clamp(-MOST, MOST)))
            if best is None or score > best[0]:
                y, x = divmod(int(at), fit.shape[1])
                box = (left + x, top + y, wide, high)
                best = score, box, (box[0] + right, box[1] + down, wide, high)
    return best


def _window_means(values: Tensor, high: int, wide: int) -> Tensor:
    sums = F.pad(values.double(), (1, 0, 1, 0)).cumsum(0).cumsum(1)
    total = sums[high:, wide:] - sums[:-high, wide:] - sums[high:, :-wide] + sums[:-high, :-wide]
    return total / (high * wide)


def _turned_back(box: Box, symmetry: int, size: Sequence[int]) -> Box:
    """Return where a box of an image under a symmetry lies in the image of (height, width) `size`."""
    left, top, wide, high = box
    if symmetry & 4:
        left, top, wide, high = top, left, high, wide
    if symmetry & 2:
        top = size[0] - top - high
    if symmetry & 1:
        left = size[1] - left - wide
    return left, top, wide, high
