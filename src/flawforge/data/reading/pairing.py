"""Which label file belongs to which image: the same stem, and the folders that fit best."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from functools import cached_property, lru_cache
from pathlib import PurePosixPath
from posixpath import splitext

from flawforge.data.reading.file_tree import IMAGE_ENDINGS
from flawforge.data.sample import Broken, Remark

# folders that tell nothing of what belongs together
PASSED = frozenset({"images", "jpegimages", "labels", "lable", "annotations"})


def pair(images: Iterable[str], files: Iterable[str]) -> tuple[dict[str, str], list[Broken]]:
    """Give each label file to the image of its stem whose folders are most like its own.

    ``train/labels/a.txt`` belongs to ``train/images/a.jpg`` and not to ``valid/images/a.jpg``; a file in a folder of
    labels for all belongs to the only image of its stem, wherever that lies. The stem may be the image's whole name
    (``a.jpg.json``), and large and small letters may differ.

    Args:
        images: paths of images below the root.
        files: paths of label files below the root.

    Returns:
        Image to label file, and the files that belong to no image or to several alike.
    """
    by_stem: dict[str, list[str]] = defaultdict(list)
    for image in images:
        for name in set(_stem_and_name(image)):
            by_stem[name].append(image)
    owned: dict[str, str] = {}
    ranked: dict[str, tuple[int, int]] = {}
    spare = []
    for file in files:
        candidates = by_stem.get(_stem_and_name(file)[0], ())
        scored = sorted(((_likeness(image, file), image) for image in candidates), reverse=True)
        if not scored:
            spare.append(Broken(file, "is an annotation without an image of the same name"))
        elif len(scored) > 1 and scored[0][0] == scored[1][0]:
            spare.append(Broken(file, f"may belong to {scored[1][1]} or {scored[0][1]}: their names are the same"))
        elif scored[0][0] <= ranked.get(scored[0][1], (-1, 0)):
            spare.append(Broken(file, f"is not used: {scored[0][1]} has the annotation {owned[scored[0][1]]}"))
        else:
            ranked[scored[0][1]], image = scored[0]
            if image in owned:
                spare.append(Broken(owned[image], f"is not used: {image} has the annotation {file}"))
            owned[image] = file
    return owned, spare


def _stem_and_name(path: str) -> tuple[str, str]:
    name = path.rpartition("/")[2].casefold()
    return splitext(name)[0], name


def _likeness(image: str, file: str) -> tuple[int, int]:
    return _likeness_of(image.rpartition("/")[0], file.rpartition("/")[0])


@lru_cache(maxsize=4096)
def _likeness_of(folder: str, other_folder: str) -> tuple[int, int]:
    """Return how many folders two paths share, and (negative) how many they do not."""
    one, other = (
        Counter(part for part in path.casefold().split("/") if part and part not in PASSED)
        for path in (folder, other_folder)
    )
    shared = (one & other).total()
    return shared, 2 * shared - one.total() - other.total()


class ImageNames:
    """The images of a folder by the names that labels give them.

    Labels were often written elsewhere: their names have folders that are gone, backslashes, or another ending. The
    last part of the name decides, and among images of that name the folders that agree. Nothing but the listed images
    is ever found, whatever the name says.
    """

    def __init__(self, images: Iterable[str]) -> None:
        """Take the images, given as paths below the root; they are sorted in when the first is looked for."""
        self._images = images

    @cached_property
    def _sorted_in(self) -> tuple[dict[str, list[str]], dict[str, list[str]]]:
        """The images by their whole name, and without its ending."""
        by_name: dict[str, list[str]] = defaultdict(list)
        by_stem: dict[str, list[str]] = defaultdict(list)
        for image in self._images:
            stem, name = _stem_and_name(image)
            by_name[name].append(image)
            by_stem[stem].append(image)
        return by_name, by_stem

    def find(self, name: str, file: str) -> list[str]:
        """Return the image that a label file means by a name: one, none, or several that fit alike."""
        path = PurePosixPath(name.strip().replace("\\", "/"))
        last = path.name.casefold()
        stem = path.stem.casefold() if path.suffix.lower() in IMAGE_ENDINGS else last
        by_name, by_stem = self._sorted_in
        images = by_name.get(last) or by_stem.get(last) or by_stem.get(stem) or []
        if len(images) < 2:
            return images
        words = {word for word in re.split(r"[\W_]+", PurePosixPath(file).stem.casefold()) if word}
        ranked = {image: self._rank(PurePosixPath(image), path, file, words) for image in images}
        best = max(ranked.values())
        return [image for image in images if ranked[image] == best]

    @staticmethod
    def _rank(image: PurePosixPath, path: PurePosixPath, file: str, words: set[str]) -> tuple[int, bool, int, int, int]:
        """Return how well an image fits a name in a label file: by folders, spelling, and where the file lies."""
        folders = 0
        for one, other in zip(reversed(image.parts[:-1]), reversed(path.parts[:-1]), strict=False):
            if one.casefold() != other.casefold():
                break
            folders += 1
        named = sum(part.casefold() in words for part in image.parts[:-1])  # instances_train.json: the folder train
        return folders, image.name == path.name, named, *_likeness(str(image), file)


def pair_with_names(
    images: Iterable[str], named: Mapping[str, str]
) -> tuple[dict[str, str], list[Broken], list[Remark]]:
    """Give label files to images as `pair` does, and those that are left by the image's name that is in them.

    Files are renamed and copied more often than what they say of themselves is kept up: their own name goes first.

    Args:
        images: paths of images below the root.
        named: label file to the name of an image that it holds; empty where it holds none.

    Returns:
        As `pair`; and the files that name another image than the one of their own name.
    """
    owned, spare = pair(images, named)
    remarks = [
        Remark(
            "label files that name another image than the one of their own name, which was taken",
            f"{file} names {named[file]}",
        )
        for file in owned.values()
        if named[file] and not _same_stem(named[file], file)
    ]
    names = ImageNames(images)
    left = []
    for broken in spare:
        found = names.find(named[broken.file], broken.file) if named[broken.file] else []
        if len(found) == 1 and found[0] not in owned:
            owned[found[0]] = broken.file
        else:
            left.append(broken)
    return owned, left, remarks


def _same_stem(name: str, file: str) -> bool:
    last = PurePosixPath(name.strip().replace("\\", "/"))
    stem = PurePosixPath(file).stem.casefold()
    return stem in (last.name.casefold(), last.stem.casefold())
