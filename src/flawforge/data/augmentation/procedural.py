"""Drawn defects, without any image of one: scratches, spots, scars, and texture inside Perlin noise.

Scars are narrow strips of another place, with their levels changed (Li et al. 2021, "CutPaste", 2104.04015, section
2.2). Texture of another place inside thresholded Perlin noise is as in Zavrtanik et al. 2021, "DRAEM" (2108.07610),
section 3.3, whose textures come from a set of photographs; here from other places of the line's own images. Scratches
and spots are lighter or darker lines and blots.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from scipy import ndimage

from flawforge.core.arrays import Floats, Floats32
from flawforge.data.augmentation.pasting import Cutout, soft_mask
from flawforge.data.augmentation.positions import Ground

LENGTHS = (0.1, 0.5)  # of a scratch, in shorter sides of the image
THICK = (1.0, 3.5)  # pixels of its width
SPOTS = (0.02, 0.12)  # diameters of a spot, in shorter sides
SCARS = ((2, 16), (10, 25))  # width and length of a scar in pixels of an image of 256, as published
SCAR_TURNS = 45.0  # degrees, to each side
BLOTS = (0.12, 0.5)  # sides of the window in which Perlin noise is thresholded, in shorter sides
PERLIN = 0.5  # of the noise's largest value, from which it is marked, as published
CONTRAST = (0.12, 0.35)  # of a scratch or a spot to its ground, in shares of white, at strength 1
MOVED = (0.2, 0.9)  # of such a contrast, by which the level of a texture of another place is moved
VISIBLE = 1.5  # standard deviations of the ground's grain, by which levels differ at least: what is marked can be seen
SMALLEST = 4  # pixels of a side

Pattern = Callable[[Ground, Ground, np.random.Generator], Cutout]


def draw_pattern(name: str, ground: Ground, other: Ground, rng: np.random.Generator) -> Cutout:
    """Return a drawn defect.

    Args:
        name: one of `flawforge.core.settings.recipe.PATTERNS`.
        ground: where it will be put; sizes follow from it.
        other: an image that scars and textures are taken from, with as many channels.
        rng: where the draws come from.
    """
    return _PATTERNS[name](ground, other, rng).trimmed()


def fill_pattern(name: str, alpha: Floats32, ground: Ground, other: Ground, rng: np.random.Generator) -> Cutout:
    """Return a drawn defect inside a soft mask that is given, (h, w): lighter or darker, or texture of another place.

    Args as of `draw_pattern`.
    """
    if name in ("scar", "texture"):
        return _textured(alpha, ground, other, rng)
    return _shaded(alpha, ground, np.ones_like(alpha), rng)


def perlin(size: tuple[int, int], cells: tuple[int, int], rng: np.random.Generator) -> Floats32:
    """Return (H, W) Perlin noise with so many cells down and across: gradients at the corners, smoothly joined."""
    angles = rng.uniform(0, 2 * np.pi, (cells[0] + 1, cells[1] + 1))
    axes = [np.linspace(0, count, side, endpoint=False) for count, side in zip(cells, size, strict=True)]
    down, right = np.meshgrid(*axes, indexing="ij")
    row, column = down.astype(int), right.astype(int)
    down, right = down - row, right - column

    def slope(i: int, j: int) -> Floats:
        angle = angles[row + i, column + j]
        found: Floats = np.sin(angle) * (down - i) + np.cos(angle) * (right - j)
        return found

    fade_down, fade_right = (share**3 * (share * (share * 6 - 15) + 10) for share in (down, right))
    upper = slope(0, 0) * (1 - fade_right) + slope(0, 1) * fade_right
    lower = slope(1, 0) * (1 - fade_right) + slope(1, 1) * fade_right
    return np.asarray(np.sqrt(2) * (upper * (1 - fade_down) + lower * fade_down), dtype=np.float32)


def _scratch(ground: Ground, other: Ground, rng: np.random.Generator) -> Cutout:
    """Draw a bent line of changing width that fades at its ends."""
    side = min(ground.size)
    length = max(SMALLEST, side * float(np.exp(rng.uniform(*np.log(LENGTHS)))))
    angle, bend = rng.uniform(0, np.pi), rng.normal(0, 0.12) * length
    along = np.linspace(-0.5, 0.5, max(8, int(2 * length)))
    wobble = ndimage.gaussian_filter1d(rng.standard_normal(len(along)), len(along) / 8) * 0.1 * length
    across = bend * (1 - 4 * along**2) + wobble
    points = np.stack(
        [
            along * length * np.sin(angle) + across * np.cos(angle),
            along * length * np.cos(angle) - across * np.sin(angle),
        ]
    )
    thick = rng.uniform(*THICK) * (0.6 + 0.4 * np.sin(np.pi * (along + 0.5)))
    pad = int(np.ceil(THICK[1])) + 3
    points -= points.min(1, keepdims=True) - pad
    size = tuple(min(whole, int(np.ceil(most)) + pad) for whole, most in zip(ground.size, points.max(1), strict=True))
    rows, columns = np.indices(size)
    away = np.full(size, np.inf)
    for (down, right), half in zip(points.T, thick / 2, strict=True):
        top, left = max(0, int(down) - pad), max(0, int(right) - pad)
        window = slice(top, int(down) + pad + 1), slice(left, int(right) + pad + 1)
        near = np.hypot(rows[window] - down, columns[window] - right) - half
        away[window] = np.minimum(away[window], near)
    alpha = np.clip(0.5 - away, 0, 1).astype(np.float32)
    profile = 0.75 + 0.25 * ndimage.gaussian_filter(rng.standard_normal(size), 2) * 4
    return _shaded(alpha, ground, np.clip(profile, 0.3, 1.4).astype(np.float32), rng)


def _spot(ground: Ground, other: Ground, rng: np.random.Generator) -> Cutout:
    """Draw a round blot with an uneven outline."""
    side = max(SMALLEST, min(ground.size) * float(np.exp(rng.uniform(*np.log(SPOTS)))))
    size = tuple(min(whole, int(np.ceil(2 * side)) + 4) for whole in ground.size)
    down, right = (np.linspace(-1, 1, length) * length / side for length in size)
    oval, angle = rng.uniform(0.6, 1.0), rng.uniform(0, np.pi)
    rows, columns = np.meshgrid(down, right, indexing="ij")
    along, across = (
        rows * np.sin(angle) + columns * np.cos(angle),
        (rows * np.cos(angle) - columns * np.sin(angle)) / oval,
    )
    rough = 0.25 * perlin((size[0], size[1]), (4, 4), rng)
    shape = np.hypot(along, across) < 1 + rough
    depth = np.clip(1.2 - 0.6 * np.hypot(along, across) + rough, 0.3, 1.4).astype(np.float32)
    return _shaded(soft_mask(shape), ground, depth, rng)


def _scar(ground: Ground, other: Ground, rng: np.random.Generator) -> Cutout:
    """Cut a narrow strip, turned, whose pixels come from another place."""
    scale = max(min(ground.size) / 256, 0.25)
    wide, long = (rng.uniform(*span) * scale for span in SCARS)
    angle = np.deg2rad(rng.uniform(-SCAR_TURNS, SCAR_TURNS) + 90 * rng.integers(2))
    side = int(np.ceil(np.hypot(wide, long))) + 4
    size = tuple(min(whole, side) for whole in ground.size)
    rows, columns = (plane - (length - 1) / 2 for plane, length in zip(np.indices(size), size, strict=True))
    along, across = rows * np.sin(angle) + columns * np.cos(angle), rows * np.cos(angle) - columns * np.sin(angle)
    shape = (np.abs(along) <= max(long, 2) / 2) & (np.abs(across) <= max(wide, 2) / 2)
    return _textured(soft_mask(shape), ground, other, rng)


def _texture(ground: Ground, other: Ground, rng: np.random.Generator) -> Cutout:
    """Cut texture of another place by Perlin noise above its threshold."""
    sides = (max(SMALLEST, min(ground.size) * float(np.exp(rng.uniform(*np.log(BLOTS))))) for _ in range(2))
    size = tuple(min(whole, int(side)) for whole, side in zip(ground.size, sides, strict=True))
    noise = perlin((size[0], size[1]), (int(2 ** rng.integers(0, 4)), int(2 ** rng.integers(0, 4))), rng)
    rows, columns = (np.sin(np.linspace(0, np.pi, length)) for length in size)
    noise = noise * np.minimum(1, 2 * np.outer(rows, columns)).astype(np.float32)  # so that the window shows no corner
    if noise.max() <= 0:
        noise = -noise
    return _textured(soft_mask(noise > PERLIN * noise.max()), ground, other, rng)


_PATTERNS: dict[str, Pattern] = {"scratch": _scratch, "spot": _spot, "scar": _scar, "texture": _texture}


def _shaded(alpha: Floats32, ground: Ground, profile: Floats32, rng: np.random.Generator) -> Cutout:
    """Return what is lighter or darker than its ground by a drawn contrast times a profile (h, w)."""
    level = float(ground.light.mean())
    contrast = _contrast(ground, rng.uniform(*CONTRAST), rng)
    detail = contrast * profile
    if ground.pixels.ndim == 3:
        detail = np.repeat(detail[..., None], 3, axis=2)
    return Cutout(detail.astype(np.float32), np.full(alpha.shape, level, np.float32), alpha)


def _textured(alpha: Floats32, ground: Ground, other: Ground, rng: np.random.Generator) -> Cutout:
    """Return texture of a random place of another image, mirrored at random, its levels changed."""
    size = alpha.shape
    pixels, light = other.pixels, other.light
    if any(whole < side for whole, side in zip(other.size, size, strict=True)):
        larger = [max(whole, side) for whole, side in zip(other.size, size, strict=True)]
        pad = [(0, more - whole) for more, whole in zip(larger, other.size, strict=True)]
        light = np.pad(light, pad, mode="symmetric")
        pixels = np.pad(pixels, [*pad, (0, 0)][: pixels.ndim], mode="symmetric")
    top, left = (int(rng.integers(whole - side + 1)) for whole, side in zip(pixels.shape, size, strict=False))
    window = slice(top, top + size[0]), slice(left, left + size[1])
    up, flat = (slice(None, None, -1 if coin else 1) for coin in rng.random(2) < 0.5)
    pixels, light = pixels[window][up, flat], light[window][up, flat]
    own = light[..., None] if pixels.ndim == 3 else light
    moved = _contrast(ground, rng.uniform(*CONTRAST) * rng.uniform(*MOVED), rng)
    detail = (pixels - own) * rng.uniform(0.8, 2.5) + moved
    return Cutout(np.asarray(detail, np.float32), np.ascontiguousarray(light), alpha)


def _contrast(ground: Ground, drawn: float, rng: np.random.Generator) -> float:
    """Return by how much levels rise or fall: as drawn, at least as much as the ground's grain, where there is room."""
    light = ground.light if ground.pixels.ndim == 2 else ground.light[..., None]
    contrast = max(drawn, VISIBLE * float((ground.pixels - light).std())) * (1 if rng.random() < 0.5 else -1)
    return contrast if 0.1 < float(ground.light.mean()) + contrast < 0.95 else -contrast
