"""What names say of masks: which folders and files claim to be some, and which image a mask is named after."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache

from flawforge.data.reading.class_folders import IMAGE_FOLDERS

CERTAIN = frozenset({"mask", "masks", "gt", "gts", "groundtruth", "groundtruths"})
LIKELY = frozenset(
    {"label", "labels", "lable", "lables", "annotation", "annotations", "anno", "annos", "annot", "annots"}
    | {"seg", "segs", "segmentation", "segmentations", "target", "targets"}
)
INSTANCES = frozenset({"segmentationobject", "segmentationobjectpng"})  # one object a value: tells no class
CLASS_MASKS = frozenset({"segmentationclass", "segmentationclasspng"})
SHOWN = frozenset(  # a mask laid over its image
    {"segmentationclassvisualization", "segmentationobjectvisualization", "overlay", "overlays"}
)
WHOLE = CERTAIN | CLASS_MASKS | INSTANCES | SHOWN | {"defectmask", "defectmasks", "maskimages"}
NO_FOLDERS: frozenset[str] = frozenset()
PICTURED = IMAGE_FOLDERS | {"rgb", "im", "original", "orig", "raw", "input", "photo", "source"}
WORD = "mask|msk|bw|binary|label|gt|seg|segmentation|annotation|annot|anno|ground[_ -]?truth"
SUFFIX = re.compile(
    rf"(?P<stem>.*?)(?:^|[_\-. ]|(?<=\d))(?P<word>{WORD})s?(?P<shown>[_-]viz)?(?:[_\-. ]?\d{{1,3}})?", re.IGNORECASE
)
PREFIX = re.compile(rf"(?P<word>{WORD})s?(?:[_\-. ]|(?=\d))(?P<stem>.+)", re.IGNORECASE)
IMAGE_WORD = "image|img|im|rgb|original|orig|raw|input|photo"
IMAGE_NAME = re.compile(rf"(?:{IMAGE_WORD})(?:[_\-. ]|(?=\d)|$)(.*)|(.*)[_\-. ](?:{IMAGE_WORD})", re.IGNORECASE)
PART = re.compile(r"(.+)[_\-. ](?:\d{1,3}|defect|anomaly|binary|pixel)", re.IGNORECASE)


@dataclass(frozen=True)
class Claim:
    """A name that calls files masks.

    Attributes:
        token: the folder's name with a slash, or the word in the file's name with a star: all files with it are
            decided on together.
        certain: whether the word means nothing else, so that no look into the files is needed.
        shown: the files show a mask laid over its image: they are neither.
    """

    token: str
    certain: bool
    shown: bool = False


def claim_of(file: str, depth: int) -> Claim | None:
    """Return what in a file's path calls it a mask.

    Args:
        file: its path below the root.
        depth: folders that all files have in common, which tell nothing.
    """
    folder, _, name = file.rpartition("/")
    by_folder = _path_claim(folder, depth)
    if by_folder is not None:
        return by_folder
    stem = stem_of(name)
    match = SUFFIX.fullmatch(stem) or PREFIX.fullmatch(stem)
    if match is None:
        return None
    word = re.sub("[_ -]", "", match["word"].lower())
    return Claim(f"*{word}", word in CERTAIN, "shown" in match.groupdict() and bool(match["shown"]))


def stem_of(file: str) -> str:
    """Return a file's name without its ending. (A path as such costs too much among 100,000.)"""
    name = file.rpartition("/")[2]
    return name.rpartition(".")[0] or name


@lru_cache(maxsize=1 << 16)
def _path_claim(folder: str, depth: int) -> Claim | None:
    parts = folder.split("/")[depth:] if folder else []
    return next((claim for part in parts if (claim := _folder_claim(part))), None)


def _folder_claim(part: str) -> Claim | None:
    plain = _plain(part)
    if plain in WHOLE:
        return Claim(f"{part}/", certain=True, shown=plain in SHOWN)
    if plain in LIKELY or plain.endswith("annot") or not (CERTAIN | LIKELY).isdisjoint(_words(part)):
        return Claim(f"{part}/", certain=False)
    return None


def _plain(part: str) -> str:
    return re.sub(r"[_\- ]", "", part.lower())


def _words(part: str) -> list[str]:
    return re.split(r"[_\- ]", part.lower())


@lru_cache(maxsize=1 << 16)
def telling(folder: str, passed: frozenset[str]) -> frozenset[str]:
    """Return the folders of a path that an image and its mask have in common; ``train_masks`` tells ``train``.

    Args:
        folder: the path.
        passed: names of folders that hold masks, though they are not called so.
    """
    told = set()
    for part in folder.split("/") if folder else ():
        words = [word for word in _words(part) if word not in CERTAIN | LIKELY | PICTURED | {"ground", "truth", "png"}]
        if words and part not in passed and _plain(part) not in WHOLE | LIKELY | PICTURED:
            told.add(" ".join(words).removesuffix("annot") or part.lower())
    return frozenset(told)


def image_keys(file: str) -> list[str]:
    """Return the names by which a mask may call an image, the surest first."""
    stem = stem_of(file)
    keys = [stem.casefold(), file.rpartition("/")[2].casefold()]
    match = IMAGE_NAME.fullmatch(stem)
    if match:
        keys.append((match[1] or match[2] or "").casefold())
    return keys


def mask_keys(file: str) -> list[str]:
    """Return the names that the image of a mask may have, the surest first: whole, without the word, without the
    number of a part.
    """
    stem = stem_of(file)
    keys = [stem]
    for pattern in (PREFIX, SUFFIX):
        if match := pattern.fullmatch(stem):
            keys.append(match["stem"])
    keys += [match[1] for key in keys if (match := PART.fullmatch(key))]
    return list(dict.fromkeys(key.casefold() for key in keys))
