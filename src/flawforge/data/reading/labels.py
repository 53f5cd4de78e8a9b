"""Label files: what a format of labels says about images, before any image is opened."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from flawforge.data.reading.file_tree import Tree
from flawforge.data.sample import Broken, Mark, Remark


@dataclass(frozen=True)
class ImageLabels:
    """What the labels say about one image.

    Attributes:
        source: the label file, below the root; empty: the image has none.
        marks: what is marked in it.
        frame: (width, height) of the picture in which the marks are given, as the label file declares it; (1, 1) for
            shares of it; None: not declared.
        label: the class of the whole image, where the format names one.
        unreadable: why its labels cannot be read, in words that follow the file's name; empty: they can.
    """

    source: str = ""
    marks: tuple[Mark, ...] = ()
    frame: tuple[float, float] | None = None
    label: str = ""
    unreadable: str = ""


@dataclass
class Labels:
    """What a format's label files say.

    Attributes:
        images: image to its labels, for each image that the labels could speak of. An image without a label file among
            others with one has an empty `ImageLabels`. Images that are not in it have nothing to do with these labels.
        broken: label files that cannot be used, each with the reason.
        remarks: what was mended or passed over.
        notes: what is worth knowing about how the labels were read, a sentence each.
        masks: image files that belong to the labels and are no images of a surface.
        lists: files that were read as well: they name classes.
    """

    images: dict[str, ImageLabels] = field(default_factory=dict)
    broken: list[Broken] = field(default_factory=list)
    remarks: list[Remark] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    masks: set[str] = field(default_factory=set)
    lists: set[str] = field(default_factory=set)

    def give(
        self,
        images: Iterable[str],
        owned: Mapping[str, str],
        read: Mapping[str, ImageLabels],
        remarks: Mapping[str, list[Remark]],
    ) -> None:
        """Give each image what its label file says, with the remarks on that file; one without a file gets nothing.

        Args:
            images: all that the labels could speak of.
            owned: image to its label file.
            read: label file to what it says.
            remarks: label file to what was mended or passed over in it.
        """
        for image in images:
            file = owned.get(image)
            self.images[image] = ImageLabels() if file is None else read[file]
            self.remarks += remarks.get(file or "", [])


@dataclass(frozen=True)
class LabelFormat:
    """A way of writing labels into files.

    Attributes:
        name: one word, as `Dataset.layout`, records and ``--json`` have it.
        title: as `flawforge inspect` prints it.
        arrangement: how the files lie, for the guide (Markdown).
        classes: what the class of an image follows from, for the guide (Markdown).
        missing: what an image without a label file is, where others have one: YOLO writes none for good parts,
            annotation tools none for images that nobody has looked at yet.
        read: takes the folder and the list of its files (without the masks of `find_masks`; at least one image) and
            returns the labels, or None where the folder has none of this format. It never raises for what a file holds.
    """

    name: str
    title: str
    arrangement: str
    classes: str
    missing: Literal["good", "unlabelled"]
    read: Callable[[Path, Tree], Labels | None]
