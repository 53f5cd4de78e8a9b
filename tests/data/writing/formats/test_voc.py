"""Pascal VOC: corners that count from 1 and include the last pixel, and XML whatever a class is called."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
from defusedxml.ElementTree import parse
from PIL import Image

from flawforge.data.dataset import Dataset
from flawforge.data.sample import Mark
from flawforge.data.writing.convert import convert


def test_corners_count_from_one_and_include_the_last_pixel(marked: Dataset, tmp_path: Path) -> None:
    convert(marked, tmp_path / "out", "voc")
    root = parse(tmp_path / "out" / "Annotations" / "pixel.xml").getroot()
    corners = [root.findtext(f"object/bndbox/{name}") for name in ("xmin", "ymin", "xmax", "ymax")]
    assert corners == ["21", "11", "21", "11"]
    assert [root.findtext(f"size/{name}") for name in ("width", "height", "depth")] == ["32", "24", "1"]
    assert root.findtext("segmented") == "1"
    assert '"origin": "real"' in root.findtext("source/annotation")


def test_masks_have_the_number_of_the_class_and_lists_name_the_images(marked: Dataset, tmp_path: Path) -> None:
    out = tmp_path / "out"
    convert(marked, out, "voc")
    with Image.open(out / "SegmentationClass" / "border.png") as image:
        assert np.unique(np.asarray(image)).tolist() == [0, 2]
    with Image.open(out / "SegmentationObject" / "border.png") as image:
        assert np.unique(np.asarray(image)).tolist() == [0, 1]
    assert len((out / "ImageSets/Main/train.txt").read_text().splitlines()) == 8
    names = (out / "ImageSets/Segmentation/train.txt").read_text().split()
    assert sorted(names) == ["border", "line", "parts", "pixel", "ring"]
    assert (out / "class_names.txt").read_text() == "_background_\nscratch\nspot\n"
    lines = (out / "labelmap.txt").read_text().splitlines()[1:]
    assert lines == ["background:0,0,0::", "scratch:128,0,0::", "spot:0,128,0::"]


def test_a_class_of_any_name_is_xml(marked: Dataset, tmp_path: Path) -> None:
    sample = replace(marked.samples[0], label='a<&>"\x01\ufffe裂', marks=(Mark("", (0, 0, 2, 2)),))
    convert(replace(marked, samples=(sample,)), tmp_path / "out", "voc")
    (file,) = (tmp_path / "out" / "Annotations").iterdir()
    assert parse(file).getroot().findtext("object/name") == 'a<&>"__裂'
