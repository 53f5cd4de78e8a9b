"""Overlap groups: which images of a dataset show the same specimen.

Pictures of a surface are often cut into overlapping crops, photographed twice, or turned and mirrored to have more of
them. Such images are not independent: a split that parts them flatters every method, and a copy check would find
"copies" that are in the data. Images are compared whatever their class, since one picture can hold several defects.
Why it is done this way, and how well: docs/decisions/overlap-groups.md.
"""

from __future__ import annotations

import hashlib
import os
import tempfile
from collections.abc import Callable, Iterable, Sequence
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from flawforge.core.arrays import Floats32, Ints
from flawforge.core.images import in_channels
from flawforge.core.progress import SILENT, Progress
from flawforge.data.cache import recall_groups, remember_groups
from flawforge.data.grouping.candidates import Index, Signer
from flawforge.data.grouping.keypoints import PATCH, Keypoints, find_keypoints, flatten
from flawforge.data.grouping.registration import measure_overlap, turned
from flawforge.data.grouping.streaks import Profile, find_profile, nearest_profiles, same_grain
from flawforge.data.sample import Sample
from flawforge.data.threads import in_threads, told_in_threads

DETECTOR = 2  # raise it when groups may come out otherwise: what is cached then counts no more
SIDE = 256  # pixels; datasets whose middling short side is 1.5 times this or more are reduced to about this
LEARNED = 200  # images that the signatures are fitted to
IN_MEMORY = 1 << 30  # bytes of flattened images (one a pixel) kept in memory; more go to a temporary file
PATIENCE = 12  # candidates of one image that may fail in a row before it is left alone: bounds the work
SCALE = 31.0  # steps of a flattened image's unit when kept as int8

Reader = Callable[[int], NDArray[Any]]


def overlap_groups(
    samples: Sequence[Sample], read: Reader, white: int, fingerprint: str, progress: Progress = SILENT
) -> Ints:
    """Return (N,) group numbers, 0..G-1 by first appearance: samples with the same number show the same material.

    Found are exact duplicates of any size; crops of one picture at one scale that share a strip at least about 20
    pixels wide (at the working scale of `SIDE`); the same material photographed again from the same distance; and all
    of these mirrored or turned by quarters. Not found are other scales and other angles. Kept in the user's cache,
    keyed by content.

    Args:
        samples: the images; classes do not matter.
        read: index to the pixels of a sample, (H, W) or (H, W, 3), 0..`white`.
        white: the pixel value of white.
        fingerprint: of the samples' contents; the cache's key.
        progress: where to tell how far it is.
    """
    key = [sample.sha256 for sample in samples]
    known = recall_groups(fingerprint, key, DETECTOR)
    if known is not None:
        return known
    scale = np.float32(255 / white)

    def gray(index: int) -> Floats32:
        return in_channels(read(index), 1).astype(np.float32) * scale

    learned = [samples[index] for index in _learned(len(samples))]
    factor = reduction([min(sample.height, sample.width) for sample in learned])
    groups = connected(find_overlaps(gray, len(samples), progress, factor), len(samples))
    remember_groups(fingerprint, key, groups, DETECTOR)
    return groups


def find_overlaps(read: Reader, count: int, progress: Progress = SILENT, factor: int | None = None) -> Ints:
    """Return (P, 3) first image, second image, pose: pairs that show the same material, enough to connect each group.

    The pose tells how the first is turned to fit the second: 1 mirrored left-right, + 2 mirrored up-down, then + 4
    transposed.

    Args:
        read: gives the gray image of an index, (H, W), 0..255; called from several threads.
        count: number of images.
        progress: where to tell how far it is.
        factor: whole number by which the images are made smaller first; None reads some of them once more, for the
            `reduction` of their sides.
    """
    learned = _learned(count)
    if factor is None:
        factor = reduction(list(in_threads(lambda index: min(read(index).shape), learned)))
    describer = Describer(read, factor, learned)
    with tempfile.SpooledTemporaryFile(IN_MEMORY) as file:
        shelf, index, copies = Shelf(file), Index(), []
        profiles: dict[int, Profile] = {}
        first: dict[bytes, int] = {}
        for number, (digest, flat, points, profile) in enumerate(
            told_in_threads(describer.take, range(count), progress, "looking for overlaps")
        ):
            original = first.setdefault(digest, number)
            shelf.add(flat)
            if original == number:
                index.add(number, points, describer.signer.sign(points.patches))
                if profile is not None:
                    profiles[number] = profile
            else:
                copies.append((original, number, 0))
        found = copies + _verified(index, shelf, count, progress)
        found += _along_streaks(
            profiles, shelf, connected(np.array(found, dtype=np.int64).reshape(-1, 3), count), progress
        )
        return np.array(found, dtype=np.int64).reshape(-1, 3)


def _learned(count: int) -> list[int]:
    """Return which of so many images the scale and the signatures are learned from."""
    places = np.linspace(0, max(count - 1, 0), min(count, LEARNED))
    return [int(place) for place in np.unique(places.astype(int))]


def connected(pairs: Ints, count: int) -> Ints:
    """Return (N,) numbers of the connected components of (P, 2 or more) pairs, 0..G-1 by first appearance."""
    sets = Sets(range(count))
    for a, b in pairs[:, :2].tolist():
        sets.merge(a, b)
    number: dict[int, int] = {}
    return np.array([number.setdefault(id(sets.of[index]), len(number)) for index in range(count)], dtype=np.int64)


class Sets:
    """Sets that are merged two at a time. (SciPy's take a quarter of a second to import, in each command.)"""

    def __init__(self, members: Iterable[int]) -> None:
        """Put each member into a set of its own."""
        self.of = {member: [member] for member in members}

    def connected(self, a: int, b: int) -> bool:
        """Return whether two members are in one set."""
        return self.of[a] is self.of[b]

    def merge(self, a: int, b: int) -> None:
        """Make one set of those of two members."""
        small, large = sorted((self.of[a], self.of[b]), key=len)
        if small is not large:
            large += small
            self.of.update(dict.fromkeys(small, large))


class Shelf:
    """Flattened images, a byte a pixel, in memory or beyond a limit in a temporary file."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self._starts: list[int] = []
        self.shapes: list[tuple[int, int]] = []

    def add(self, flat: NDArray[np.int8]) -> None:
        """Append an image."""
        self._starts.append(self._file.seek(0, os.SEEK_END))
        self._file.write(flat.tobytes())
        self.shapes.append((flat.shape[0], flat.shape[1]))

    def __getitem__(self, number: int) -> Floats32:
        """Return an image by its number."""
        height, width = self.shapes[number]
        self._file.seek(self._starts[number])
        data = self._file.read(height * width)
        return np.frombuffer(data, np.int8).reshape(height, width).astype(np.float32) / np.float32(SCALE)


Described = tuple[bytes, NDArray[np.int8], Keypoints, Profile | None]


class Describer:
    """Describes images one by one; those that the signatures are fitted to are read for that and for good.

    Attributes:
        signer: fitted to them.
    """

    def __init__(self, read: Reader, factor: int, learned: list[int]) -> None:
        """Describe the images of `learned`; each is reduced by the thread that reads it, so that few are held at full
        size.
        """
        self._read, self._factor = read, factor
        self._ready = dict(zip(learned, in_threads(self._describe, learned), strict=True))
        patches = [points.patches for _, _, points, _ in self._ready.values()]
        self.signer = Signer(np.concatenate([*patches, np.empty((0, PATCH), np.float32)]))

    def take(self, number: int) -> Described:
        """Return the digest of an image, its flattened pixels, keypoints and profile; only once of each."""
        return self._ready.pop(number, None) or self._describe(number)

    def _describe(self, number: int) -> Described:
        image = np.ascontiguousarray(self._read(number))
        digest = hashlib.sha256(f"{image.shape}".encode() + image.tobytes()).digest()
        flat = flatten(_reduced(image, self._factor))
        return digest, np.rint(flat * SCALE).astype(np.int8), find_keypoints(flat), find_profile(flat)


def _verified(index: Index, shelf: Shelf, count: int, progress: Progress) -> list[tuple[int, int, int]]:
    """Register the candidates, the surest first; those in one group already are passed over."""
    found = index.candidates(np.array(shelf.shapes, np.int64).reshape(-1, 2))
    sets, pairs = Sets(range(count)), []
    failed = [0] * count
    surest = np.argsort(-found.votes, kind="stable").tolist()
    for row in progress.each("checking overlaps", surest, "pairs"):
        a, b = int(found.first[row]), int(found.second[row])
        if max(failed[a], failed[b]) < PATIENCE and not sets.connected(a, b):
            placed = turned(shelf[a], int(found.pose[row])), shelf[b]
            if measure_overlap(*placed, int(found.dy[row]), int(found.dx[row])).same:
                sets.merge(a, b)
                pairs.append((a, b, int(found.pose[row])))
                failed[a] = failed[b] = 0
            else:
                failed[a], failed[b] = failed[a] + 1, failed[b] + 1
    return pairs


def _along_streaks(
    profiles: dict[int, Profile], shelf: Shelf, groups: Ints, progress: Progress
) -> list[tuple[int, int, int]]:
    """Lay images of alike streaks on each other, the nearest profiles first; those in one group are passed over."""
    near = nearest_profiles(profiles, groups)
    sets, pairs = Sets(groups.tolist()), []
    for _, a, b, across in progress.each("comparing streaks", near, "pairs"):
        if not sets.connected(groups[a], groups[b]):
            first, second = (shelf[number].T if profiles[a].along else shelf[number] for number in (a, b))
            if same_grain(first, second, across):
                sets.merge(groups[a], groups[b])
                pairs.append((a, b, 0))
    return pairs


def reduction(sides: list[int]) -> int:
    """Return the whole number that brings the middling one of these short sides nearest to `SIDE`; 1 at least."""
    return max(1, round(float(np.median(sides)) / SIDE)) if sides else 1


def _reduced(image: NDArray[Any], factor: int) -> Floats32:
    """Return (H // factor, W // factor): the mean of each square of pixels; smaller images keep their size."""
    image = np.asarray(image, dtype=np.float32)
    height, width = image.shape[0] // factor, image.shape[1] // factor
    if factor == 1 or not height or not width:
        return image
    rows = image[: height * factor].reshape(height, factor, -1).sum(1)
    sums = sum(rows[:, column : width * factor : factor] for column in range(factor))
    return np.asarray(sums / np.float32(factor**2), dtype=np.float32)
