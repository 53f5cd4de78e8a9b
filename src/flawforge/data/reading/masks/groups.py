"""Groups of files that are masks for one reason: a word in their names, another ending, a sister folder.

Where the reason alone does not decide, a few files of the group are looked into, and decide for all.
"""

from __future__ import annotations

import posixpath
from collections import Counter, defaultdict
from dataclasses import dataclass
from pathlib import Path

from flawforge.data.reading.masks.looks import have_two_levels, look, look_into
from flawforge.data.reading.masks.names import PICTURED, Claim, claim_of, stem_of
from flawforge.data.reading.masks.owners import MaskOwners
from flawforge.data.reading.plan import SPLIT_FOLDERS
from flawforge.data.threads import in_threads

FEW = 500  # files of a name whose images are looked for, to decide on all
SISTERS = 16  # folders of unknown names that are looked into; no arrangement of masks has more


@dataclass(frozen=True)
class MaskGroup:
    """Files that are masks.

    Attributes:
        token: where they lie (``masks/``) or what they are called (``*_mask``).
        files: their paths.
        shown: they show masks laid over their images, and are neither.
        folder: the name of a folder that holds them and is not called like one of masks.
    """

    token: str
    files: list[str]
    shown: bool = False
    folder: str = ""


def by_name(root: Path, files: list[str]) -> tuple[list[MaskGroup], list[str], MaskOwners]:
    """Return the groups of files that are called masks and are some; all other files; and those that are not called
    so at all, sorted in.
    """
    common = posixpath.commonpath({posixpath.dirname(file) for file in files} or {""})
    depth = len(common.split("/")) if common else 0
    named: dict[Claim, list[str]] = defaultdict(list)
    images = []
    for file in files:
        claim = claim_of(file, depth)
        if claim:
            named[claim].append(file)
        else:
            images.append(file)
    owners = MaskOwners(images if named else ())
    groups = []
    for claim, called in named.items():
        if _are_masks(root, claim, called, owners):
            groups.append(MaskGroup(claim.token, called, claim.shown))
        else:
            images += called
    return groups, sorted(images), owners


def _are_masks(root: Path, claim: Claim, files: list[str], owners: MaskOwners) -> bool:
    """Decide whether files that are called masks are some.

    A word in a file's name counts only where an image has the rest of the name. Words that can mean something else
    need a look that finds masks; the others do where most of their files lie where no image of theirs does.
    """
    files = files[:: max(1, len(files) // FEW)]
    owned, _ = owners.of_all(files)
    if claim.token.startswith("*") and not owned:
        return False
    if claim.shown:
        return bool(owned)
    close = sum(owners.close(file, image) for file, image in owned.items())
    if claim.certain and close * 2 >= len(files):
        return True
    seen = look_into(root, files)
    return seen == "masks" or (seen == "nothing" and (claim.certain or len(owned) * 2 >= len(files)))


def by_ending(root: Path, files: list[str]) -> list[MaskGroup]:
    """Return the files that lie beside an image of the same name, with another ending, and look like masks."""
    same: dict[str, list[str]] = defaultdict(list)
    for file in files:
        same[file.rpartition(".")[0].casefold()].append(file)
    ended: dict[str, list[str]] = defaultdict(list)
    for beside in same.values():
        if len(beside) > 1:
            for file in beside:
                ended[_ending(file)].append(file)
    seen = {ending: look_into(root, group) for ending, group in ended.items()}
    if "pictures" not in seen.values():
        return []
    groups = []
    for ending, group in ended.items():
        if seen[ending] != "pictures":
            folders, inside = {posixpath.dirname(file) for file in group}, set(group)
            alone = [f for f in files if _ending(f) == ending and f not in inside and posixpath.dirname(f) in folders]
            looks = in_threads(lambda file: look(root / file), alone)
            lost = [file for file, found in zip(alone, looks, strict=True) if found in ("mask", "even")]
            groups.append(MaskGroup(f"*{ending}", group + lost))
    return groups


def by_sister(root: Path, files: list[str]) -> list[MaskGroup]:
    """Return the files of folders whose names say nothing, that repeat the names of another folder beside them, and
    that look like masks where the others are pictures.
    """
    stems = [stem_of(file).casefold() for file in files]
    counted = Counter(stems)
    held: dict[str, dict[str, str]] = defaultdict(dict)  # all of a path but one folder, to that folder and the file
    for file, stem in zip(files, stems, strict=True):
        if counted[stem] > 1:
            folders = file.split("/")[:-1]
            for place, name in [*enumerate(folders), (len(folders), "")]:
                held["/".join([*folders[:place], *folders[place + 1 :], stem])].setdefault(name, file)
    twins: dict[str, list[dict[str, str]]] = defaultdict(list)
    for sisters in held.values():
        if len(sisters) > 1:
            for name in sisters:
                twins[name].append(sisters)
    groups = []
    for name in sorted(twins, key=lambda name: -len(twins[name]))[:SISTERS]:
        if name and name.lower() not in PICTURED | SPLIT_FOLDERS:
            inside = [file for file in files if name in file.split("/")[:-1]]
            own = [sisters[name] for sisters in twins[name]]
            others = [next(file for other, file in sisters.items() if other != name) for sisters in twins[name]]
            repeats = len(own) * 2 >= len(inside)
            if repeats and look_into(root, own) == "masks" and look_into(root, others) == "pictures":
                groups.append(MaskGroup(f"{name}/", inside, folder=name))
    return groups


def maybe_masks(root: Path, files: list[str]) -> list[str]:
    """Return the folders that hold black and white alone, where others hold pictures.

    Labelling tools name masks after tasks: neither their names nor their folder's tell what they are.
    """
    folders: dict[str, list[str]] = defaultdict(list)
    for file in files:
        folders[posixpath.dirname(file)].append(file)
    if not 1 < len(folders) <= SISTERS:
        return []
    found = [folder for folder, inside in folders.items() if have_two_levels(root, inside)]
    return found if len(found) < len(folders) else []


def _ending(file: str) -> str:
    return posixpath.splitext(file)[1].lower()
