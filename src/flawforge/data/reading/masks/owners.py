"""Which image a mask belongs to: the one of its name whose folders fit its own best."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from functools import cache

from flawforge.data.reading.masks.names import NO_FOLDERS, image_keys, mask_keys, telling
from flawforge.data.reading.plan import SPLIT_FOLDERS

Where = frozenset[str]  # the folders of a file that an image and its mask have in common

ELSEWHERE = "is a mask whose folder fits that of no image of the same name"


class MaskOwners:
    """The images of a folder, to be found by the names of their masks.

    Attributes:
        count: of the images.
    """

    def __init__(self, images: Iterable[str], passed: frozenset[str] = NO_FOLDERS) -> None:
        """Take the images.

        Args:
            images: paths below the root.
            passed: names of folders that hold masks, though they are not called so.
        """
        self._passed = passed
        self.count = 0
        self._by_key: dict[str, list[tuple[Where, int, str]]] = defaultdict(list)
        self._places: set[Where] = set()
        for image in images:
            self.count += 1
            where = telling(_folder(image), passed)
            self._places.add(where)
            for surplus, key in enumerate(image_keys(image)):
                self._by_key[key].append((where, surplus, image))
        self._fitting = cache(self._fit)

    def of_all(self, masks: Iterable[str]) -> tuple[dict[str, str], dict[str, str]]:
        """Return mask to image, and mask to the reason for those without one."""
        owned, spare = {}, {}
        for mask in masks:
            best = self._best(mask)
            if not best:
                known = any(key in self._by_key for key in mask_keys(mask))
                spare[mask] = ELSEWHERE if known else "is a mask without an image of the same name"
            elif len(best) > 1:
                spare[mask] = f"is a mask that may belong to {best[0]} or {best[1]}: their names are the same"
            else:
                owned[mask] = best[0]
        return owned, spare

    def close(self, mask: str, image: str) -> bool:
        """Whether a mask lies where its image does, but for folders of masks, of images and of splits."""
        there = {telling(_folder(file), self._passed) - SPLIT_FOLDERS for file in (mask, image)}
        return len(there) == 1

    def _best(self, mask: str) -> list[str]:
        """Return the images that fit best; several where they fit alike."""
        folder = _folder(mask)
        options = [(telling(folder, self._passed), key) for key in mask_keys(mask)]
        above, _, last = folder.rpartition("/")
        if last:  # a folder of parts for each image
            options += [(telling(above, self._passed), key) for key in mask_keys(f"{last}.png")]
        ranked: dict[str, tuple[int, int, int]] = {}
        for number, (where, key) in enumerate(options):
            held = self._by_key.get(key, ())
            exact = [one for one in held if one[0] == where]
            for there, surplus, image in exact or [one for one in held if one[0] in self._fitting(where)]:
                rank = (len(where ^ there), number, surplus)
                ranked[image] = min(rank, ranked.get(image, rank))
        least = min(ranked.values(), default=None)
        return sorted(image for image, rank in ranked.items() if rank == least)

    def _fit(self, where: Where) -> set[Where]:
        """Return the places that tell the same as another or less or more, never something else."""
        return {there for there in self._places if where <= there or there <= where}


def _folder(file: str) -> str:
    return file.rpartition("/")[0]
