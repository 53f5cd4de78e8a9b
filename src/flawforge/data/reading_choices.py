"""What a user decides about how a folder is read, where its files leave it open."""

from __future__ import annotations

import shlex
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Literal

from flawforge.core.errors import SettingError
from flawforge.core.settings.bounds import check_numbers


@dataclass(frozen=True)
class ReadingChoices:
    """The choices; a run and a trial record them, so that their images are found again.

    Attributes:
        unmarked: what an image is in which the labels mark nothing: ``good``, or ``unlabelled`` (left out of all that
            uses labels). None: what is usual in the format of the labels.
        classes_from: ``names`` takes the class from the file's name (``scratches_12.jpg``). None: from labels, else
            from folders.
        invert_masks: masks are black on the defect.
        tiles: side in pixels of the overlapping squares that each image is cut into; None: images stay whole.
        labels: a CSV file with the columns ``file`` and ``class``, which mends classes of images of this folder; kept
            as an absolute path. None: the folder alone says.
        labels_sha256: of that file, when it was read; `flawforge.load` sets it.
    """

    unmarked: Literal["good", "unlabelled"] | None = None
    classes_from: Literal["names"] | None = None
    invert_masks: bool = False
    tiles: int | None = None
    labels: str | Path | None = None
    labels_sha256: str | None = None

    def __post_init__(self) -> None:
        """Refuse what is no choice.

        Raises:
            SettingError: which.
        """
        for name, allowed in (("unmarked", ("good", "unlabelled")), ("classes_from", ("names",))):
            if (value := getattr(self, name)) not in (None, *allowed):
                flag = name.replace("_", "-")
                raise SettingError(f"--{flag} is {value!r}; allowed: {', '.join(allowed)}. Or leave it out.")
        check_numbers(tiles=self.tiles)
        if self.labels is not None:
            object.__setattr__(self, "labels", str(Path(self.labels).expanduser().absolute()))

    @property
    def elsewhere(self) -> ReadingChoices:
        """The choices for another folder: its files are not those that the labels file names."""
        return replace(self, labels=None, labels_sha256=None)

    def unusual(self) -> dict[str, Any]:
        """Return the choices that are not the usual ones, as plain values."""
        usual = asdict(AS_USUAL)
        return {name: value for name, value in asdict(self).items() if value != usual[name]}

    def as_typed(self) -> str:
        """Return the options of the command line that make these choices, each with a space before it."""
        chosen = {name.replace("_", "-"): value for name, value in self.unusual().items() if name != "labels_sha256"}
        return "".join(
            f" --{name}" + ("" if value is True else f" {shlex.quote(str(value))}") for name, value in chosen.items()
        )


AS_USUAL = ReadingChoices()
