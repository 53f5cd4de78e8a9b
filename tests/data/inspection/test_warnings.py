from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from flawforge.data.dataset import Dataset
from flawforge.data.inspection.warnings import dataset_warnings
from flawforge.data.reading.load import load
from flawforge.data.sample import Mark, Sample

PLAIN = {"width": 4, "height": 4, "mode": "L", "encoding": "PNG", "gray": True, "peak": 255}


def drawn(changes: dict[int, dict[str, object]], count: int = 40, layout: str = "classes", notes=()) -> Dataset:
    samples = [
        Sample(**{"file": f"f{i}.png", "label": "a", "sha256": str(i), **PLAIN, **changes.get(i, {})})
        for i in range(count)
    ]
    return Dataset("drawn", Path(), layout, tuple(samples), notes=notes)


def test_nothing_is_said_of_a_plain_dataset():
    assert dataset_warnings(drawn({})) == ()


@pytest.mark.parametrize(
    ("changes", "warning"),
    [
        (
            {i: {"label": "b"} for i in range(20)} | {20: {"sha256": "3"}},
            "1 image is in more than one class, for example f3.png and f20.png: a label must be wrong.",
        ),
        (
            {0: {"marks": (Mark("a", (0, 0, 1, 1)), Mark("b", (0, 0, 1, 1)), Mark("b", (1, 1, 2, 2)))}},
            "Boxes of another class: 2 boxes in 1 image. An image's class is its folder's.",
        ),
        (
            {0: {"label": "b"}},
            "Few images: b 1. From fewer than 20 images of a class a generator tends to copy them: check the audit, or "
            "take more photographs.",
        ),
        (
            {0: {"gray": False, "mode": "RGB"}},
            "1 image is in colour and 39 in gray: all are read as colour (3 channels). If colour carries no "
            "information here, convert them to gray.",
        ),
        (
            {0: {"mode": "RGB"}, 1: {"mode": "RGB"}},
            "2 images are stored in colour but gray in every pixel: they are read as gray (1 channel), and generated "
            "images are stored in colour like them.",
        ),
        (
            {i: {"mode": "I;16", "peak": 3000} for i in range(40)},
            "40 images are of 16 bits. White in 16-bit images is taken to be 4095, the largest value of the fewest "
            "bits (10, 12, 14 or 16) that hold every pixel.",
        ),
        (
            {0: {"mode": "I;16", "peak": 900}},
            "1 image is of 16 bits and 39 of 8 bits; all are scaled to 8. White in 16-bit images is taken to be 1023, "
            "the largest value of the fewest bits (10, 12, 14 or 16) that hold every pixel.",
        ),
        (
            {
                **{i: {"mode": "I;16", "peak": 3000} for i in range(40)},
                3: {"mode": "I;16", "peak": 3000, "brightest": 65535, "hot": 2},
                4: {"mode": "I;16", "peak": 3000, "brightest": 3900, "hot": 1},
            },
            "40 images are of 16 bits. White in 16-bit images is taken to be 4095, the largest value of the fewest "
            "bits (10, 12, 14 or 16) that hold every pixel but hot ones. Hot pixels in 1 image (such as f3.png: 2 of "
            "up to 65535): far brighter than the pixels beside them, so the camera's fault. They are read as white "
            "(4095).",
        ),
        (
            {7: {"dead": 3}},
            "Dead pixels in 1 image (such as f7.png: 3): 0 among bright ones. The generator learns them; have the "
            "camera correct them.",
        ),
        (
            {7: {"blank": True}, 9: {"blank": True}},
            "Nothing is to be seen in 2 images (such as f7.png): all pixels are equal. Leave such out.",
        ),
        (
            {0: {"width": 9}},
            "Image sizes differ: 4 to 9 pixels wide, 4 to 4 high. Training resizes all to one size, which changes "
            "proportions.",
        ),
        ({0: {"encoding": "JPEG"}}, "1 image is JPEG: the generator learns the compression artefacts too."),
        ({0: {"mode": "LA"}}, "1 image is stored with transparency: transparent pixels are read as black."),
        ({0: {"pages": 3}}, "1 file is made of several pages or frames: only the first is read."),
    ],
)
def test_each_warning_alone(changes, warning):
    assert " ".join(dataset_warnings(drawn(changes))) == warning


def test_names_that_look_like_classes(tmp_path):
    names = {i: {"file": f"{'pit' if i % 2 else 'dent'}_{i}.png"} for i in range(40)}
    assert dataset_warnings(drawn(names, layout="flat")) == (
        "The file names suggest 2 classes (dent, pit), but all images are in one folder and belong to one class. "
        "To take the classes from the names: --classes-from names.",
    )
    assert dataset_warnings(drawn(names, layout="classes")) == ()
    assert dataset_warnings(drawn({i: {"file": f"IMG_{i}.png"} for i in range(40)}, layout="flat")) == ()
    assert dataset_warnings(drawn({**names, **{i: {"file": f"IMG_{i}.png"} for i in range(9)}}, layout="flat")) == ()


def test_boxes_of_another_class_in_pascal_voc():
    changes = {0: {"marks": (Mark("b", (0, 0, 1, 1)),)}}
    assert dataset_warnings(drawn(changes, layout="voc")) == (
        "Boxes of another class: 1 box in 1 image. An image's class is the one in its file name, else that of most of "
        "its boxes.",
    )


def test_notes_of_the_layout_come_last():
    assert dataset_warnings(drawn({0: {"pages": 2}}, notes=("from the folder",)))[-1] == "from the folder"


def test_on_files(tmp_path):
    for i in range(20):
        pixels = np.full((4, 4, 3), i, dtype=np.uint8)
        pixels[0, 0] = 200
        Image.fromarray(pixels).save(tmp_path / f"{i}.bmp")
    assert [text.split(":")[0] for text in dataset_warnings(load(tmp_path))] == [
        "20 images are stored in colour but gray in every pixel"
    ]
