"""COCO: boxes, polygons and run lengths of any tool, several files, and what is damaged in them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pycocotools import mask as coco_mask

from damaged import read_or_explained
from flawforge.core.errors import FlawforgeError
from flawforge.data.reading.file_tree import walk
from flawforge.data.reading.formats.coco import coco
from flawforge.data.reading.load import load
from flawforge.data.reading_choices import ReadingChoices
from flawforge.data.regions import as_runs
from flawforge.data.sample import Box, Broken

from ..listed import labels

SQUARE = [4, 5, 10, 5, 10, 12, 4, 12]
CATEGORIES = [{"id": 0, "name": "scratch"}, {"id": 7, "name": "spot"}]


def image(number: int, **more: Any) -> dict[str, Any]:
    return {"id": number, "file_name": f"{number}.png", "width": 32, "height": 24, **more}


def annotation(number: int, of: int, category: int = 7, **more: Any) -> dict[str, Any]:
    shape = {"bbox": [4, 5, 6, 7], "segmentation": [SQUARE], "area": 42, "iscrowd": 0}
    return {"id": number, "image_id": of, "category_id": category, **shape, **more}


@pytest.fixture
def folder(tmp_path, save):
    """Save images 0 to 3 and a COCO file of what is given."""

    def write(annotations: object, *, images: object = None, file: str = "labels.json", **more: Any) -> Path:
        for number in range(4):
            if not (tmp_path / "images" / f"{number}.png").exists():
                save(tmp_path / "images" / f"{number}.png", number)
        images = [image(number) for number in range(4)] if images is None else images
        data = {"images": images, "annotations": annotations, "categories": CATEGORIES, **more}
        (tmp_path / file).write_text(json.dumps(data))
        return tmp_path

    return write


def counted(dataset: Any, words: str) -> str:
    """Return the only note with these words."""
    (note,) = [note for note in dataset.notes if words in note]
    return note


def marks(dataset: Any) -> dict[int, tuple[Any, ...]]:
    samples = (*dataset.samples, *dataset.unlabelled)
    return {int(Path(sample.file).stem): sample.marks for sample in samples if sample.marks}


def test_polygons_and_run_lengths_packed_and_not(folder):
    pixels = np.zeros((24, 32), bool)
    pixels[5:12, 4:10] = True
    runs = list(as_runs(pixels).counts)
    packed = coco_mask.encode(np.asfortranarray(pixels, np.uint8))["counts"].decode()
    parts = [SQUARE, [20, 10, 22, 10, 22, 12, 20, 12]]
    dataset = load(
        folder(
            [
                annotation(0, 0, 0, segmentation={"counts": runs, "size": [24, 32]}, iscrowd=1),
                annotation(1, 1, segmentation={"counts": packed, "size": [24, 32]}),
                annotation(5, 2, segmentation=parts, bbox=[4, 5, 18, 7], area=46),
            ]
        )
    )
    assert (dataset.layout, dataset.counts) == ("coco", {"good": 1, "scratch": 1, "spot": 2})
    drawn = {int(Path(s.file).stem): dataset.mask(i) for i, s in enumerate(dataset.samples)}
    assert np.array_equal(drawn[0], pixels)
    assert np.array_equal(drawn[1], pixels)
    pixels[10:12, 20:22] = True
    assert np.array_equal(drawn[2], pixels)
    assert dataset.samples[-1].boxes == (Box("spot", 4, 5, 22, 12),)
    assert [note for note in dataset.notes if "labels" in note] == [
        "1 image has labels that mark nothing (COCO; such as images/3.png): it is read as 'good'. "
        "--unmarked unlabelled leaves them out."
    ]


@pytest.mark.parametrize(("choice", "counts"), [(None, {"good": 2, "spot": 1}), ("unlabelled", {"spot": 1})])
def test_listed_without_annotations_is_good_and_not_listed_is_not_labelled(folder, choice, counts):
    data = folder([annotation(1, 0)], images=[image(0), image(1), image(2)])
    dataset = load(data, ReadingChoices(unmarked=choice))
    assert dataset.counts == counts
    assert {sample.file: sample.label_source for sample in dataset.unlabelled}["images/3.png"] == (
        "the labels do not name it"
    )
    assert counted(dataset, "not named") == (
        "1 image is not named in the labels (such as images/3.png): not labelled, and not used."
    )


def test_several_files_each_beside_its_images(tmp_path, save):
    for part, name in (("train", "scratch"), ("valid", "spot")):
        for number in range(2):
            save(tmp_path / part / f"{number}.png", number + 10 * (part == "valid"))
        data = {"images": [image(0), image(1)], "annotations": [annotation(1, 0, 3)]}
        data["categories"] = [{"id": 0, "name": "all"}, {"id": 3, "name": name}]
        (tmp_path / part / "_annotations.coco.json").write_text(json.dumps(data))
    dataset = load(tmp_path)
    assert labels(dataset) == {
        "train/0.png": "scratch",
        "train/1.png": "good",
        "valid/0.png": "spot",
        "valid/1.png": "good",
    }
    assert dataset.samples[2].label_source == "train/_annotations.coco.json"


def test_images_are_found_by_name_wherever_they_lie(folder):
    images = [
        image(0, file_name="C:\\Users\\x\\0.bmp"),
        image(1, file_name="/data/1.png"),
        image(2, file_name="../images/2"),
        image(3, file_name="gone/4.png"),
    ]
    dataset = load(folder([annotation(n, n) for n in range(4)], images=images))
    assert dataset.counts == {"spot": 3}
    assert counted(dataset, "not in the folder") == (
        "Once: listed images that are not in the folder, which were left out (labels.json, gone/4.png)."
    )


def test_a_name_that_leaves_the_folder_opens_nothing(tmp_path, save):
    save(tmp_path / "secret.png", 9)
    save(tmp_path / "set" / "0.png", 0)
    data = {"images": [image(0), image(1, file_name="../secret.png")], "annotations": [annotation(1, 0)]}
    (tmp_path / "set" / "labels.json").write_text(json.dumps(data | {"categories": CATEGORIES}))
    dataset = load(tmp_path / "set")
    assert [sample.file for sample in dataset.samples] == ["0.png"]
    assert counted(dataset, "not in the folder").endswith("(labels.json, ../secret.png).")


def test_names_that_fit_several_images_are_told(tmp_path, save):
    for seed, part in enumerate(("a", "b")):
        save(tmp_path / part / "0.png", seed)
    save(tmp_path / "a" / "1.png", 3)
    data = {"images": [image(0), image(1)], "annotations": [annotation(1, 1)], "categories": CATEGORIES}
    (tmp_path / "labels.json").write_text(json.dumps(data))
    dataset = load(tmp_path)
    assert counted(dataset, "several images").startswith("Once: listed images whose names fit several images")


def test_one_image_in_several_files_has_the_marks_of_all_of_them_once(folder):
    folder([annotation(1, 0), annotation(2, 1)], file="a.json")
    folder([annotation(8, 0), annotation(9, 2, 0)], file="b.json")
    data = folder([annotation(3, 1, 0), annotation(2, 1)], file="c.json")
    dataset = load(data)
    assert dataset.counts == {"good": 1, "scratch": 1, "spot": 2}
    assert {number: len(found) for number, found in marks(dataset).items()} == {0: 1, 1: 2, 2: 1}
    assert counted(dataset, "several COCO files") == (
        "Once: images of which several COCO files speak: all that these mark was taken together "
        "(images/1.png: a.json, c.json)."
    )


def test_two_files_that_give_an_image_two_sizes_are_told(folder):
    folder([annotation(1, 0)], file="a.json")
    images = [image(0, width=64, height=48)]
    dataset = load(folder([annotation(1, 0, bbox=[8, 10, 12, 14])], images=images, file="b.json"))
    assert dataset.samples[-1].boxes == (Box("spot", 4, 5, 10, 12),)
    assert counted(dataset, "two sizes").endswith("(images/0.png: a.json, not b.json).")


def test_another_size_than_the_image_s_scales_the_marks(folder):
    images = [image(0, width=64, height=48), image(1)]
    double = [2 * value for value in SQUARE]
    found = [annotation(0, 0, bbox=[8, 10, 12, 14], segmentation=[double], area=168)]
    dataset = load(folder(found, images=images))
    assert dataset.samples[-1].boxes == (Box("spot", 4, 5, 10, 12),)
    assert dataset.mask(len(dataset) - 1).sum() == 42
    assert "64x48 declared, 32x24 found" in counted(dataset, "declare another size")


EMPTY_RUNS = {"counts": [24 * 32], "size": [24, 32]}


@pytest.mark.parametrize(
    ("change", "boxes", "masks", "told"),
    [
        ({"segmentation": [[1, 2, 3, 4]]}, 1, 0, "polygons of fewer than three points"),
        ({"segmentation": [SQUARE, [1, 2, 3, 4]]}, 1, 1, "polygons of fewer than three points"),
        ({"segmentation": []}, 1, 0, "without a mask among others with one"),
        ({"segmentation": [[]]}, 1, 0, "without a mask among others with one"),
        ({"segmentation": [SQUARE[:-1]]}, 1, 0, "annotation 9: a polygon has an odd number of coordinates"),
        ({"segmentation": [["x"] * 6]}, 1, 0, "annotation 9: it holds something else than numbers"),
        ({"segmentation": [[float("nan")] * 6]}, 1, 0, "annotation 9: its numbers are not finite"),
        ({"segmentation": [[{}] * 6]}, 1, 0, "annotation 9: it holds something else than numbers"),
        ({"segmentation": "yes"}, 1, 0, "annotation 9: it is neither polygons nor run lengths"),
        ({"segmentation": {"counts": [3], "size": [24, 32]}}, 1, 0, "sum up to 3, not to 24 * 32"),
        ({"segmentation": {"counts": "~", "size": [24, 32]}}, 1, 0, "its packed run lengths are damaged"),
        ({"segmentation": EMPTY_RUNS}, 1, 0, "annotation 9: it marks nothing"),
        ({"bbox": [4, 5, 6]}, 0, 1, "boxes that are not four finite numbers"),
        ({"bbox": [4, 5, float("inf"), 6]}, 0, 1, "boxes that are not four finite numbers"),
        ({"bbox": [4, 5, 0, 6]}, 0, 1, "annotation 9: 0 x 6"),
        ({"bbox": [4, 5, 2, 7]}, 1, 1, "annotation 9: box 4, 5, 6, 12; mask 4, 5, 10, 12"),
        ({"area": 400}, 1, 1, "annotation 9: area 400, mask 42"),
        ({"bbox": None, "segmentation": None}, 0, 0, "only their class was taken"),
        ({"id": 1}, 1, 1, "annotations with the id of another: both were read (labels.json, annotation 1)"),
    ],
)
def test_what_is_odd_in_an_annotation_is_told_and_the_rest_is_read(folder, change, boxes, masks, told):
    dataset = load(folder([annotation(1, 1), annotation(9, 0) | change]))
    (sample,) = [sample for sample in dataset.samples if sample.file == "images/0.png"]
    assert (sample.label, len(sample.boxes), sample.mask is not None) == ("spot", boxes, bool(masks))
    assert counted(dataset, told).startswith("Once: ")


@pytest.mark.parametrize("change", [{"area": None}, {"iscrowd": None}, {"id": 0}, {"bbox": None}, {"area": 36}])
def test_what_may_be_missing_is_not_told(folder, change):
    item = {key: value for key, value in (annotation(9, 0) | change).items() if value is not None}
    dataset = load(folder([item, annotation(1, 1)]))
    assert [note for note in dataset.notes if "annotation" in note] == []
    assert len(marks(dataset)) == 2


@pytest.mark.parametrize(
    ("item", "told"),
    [
        (annotation(9, 40), "annotations of images that their file does not list"),
        (annotation(9, 0) | {"image_id": [1]}, "annotations of images that their file does not list"),
        (annotation(9, 0) | {"image_id": True}, "annotations of images that their file does not list"),
        (None, "annotations that are no objects"),
    ],
)
def test_annotations_of_no_image_are_told(folder, item, told):
    dataset = load(folder([annotation(1, 1), item]))
    assert dataset.counts == {"good": 3, "spot": 1}
    assert counted(dataset, told).startswith("Once: ")


@pytest.mark.parametrize("category", [3, None, {}, "spot"])
def test_an_annotation_without_a_known_category_leaves_its_image_unlabelled(folder, category):
    dataset = load(folder([annotation(1, 1), annotation(2, 0) | {"category_id": category}]))
    assert dataset.counts == {"good": 2, "spot": 1}
    assert [(sample.file, sample.label_source) for sample in dataset.unlabelled] == [
        ("images/0.png", "labels.json gives it annotations of no category that the file names")
    ]
    assert counted(dataset, "category that their file does not name").startswith("Once: ")


def test_ids_as_text_are_those_of_numbers(folder):
    categories = [{"id": "7", "name": "spot"}, {"id": "dent", "name": "dent"}, {"id": 5, "name": ""}, 3, {}]
    items = [annotation(1, 0) | {"image_id": "0"}, annotation(2, 1) | {"category_id": "dent", "image_id": 1.0}]
    assert load(folder(items, categories=categories)).counts == {"dent": 1, "good": 2, "spot": 1}


def test_two_images_of_one_id_are_not_labelled(folder):
    images = [image(0), image(1), image(2), image(3) | {"id": 1}]
    dataset = load(folder([annotation(1, 1), annotation(2, 0)], images=images))
    assert dataset.counts == {"good": 1, "spot": 1}
    assert {sample.file: sample.label_source for sample in dataset.unlabelled} == {
        "images/1.png": "labels.json gives it the image id 1, which images/3.png has too",
        "images/3.png": "labels.json gives it the image id 1, which images/1.png has too",
    }


@pytest.mark.parametrize("images", [[None], [{}], [{"id": 1}], [{"id": 1, "file_name": 5}]])
def test_listed_images_without_a_name_are_told(folder, images):
    dataset = load(folder([annotation(1, 0)], images=[image(0), *images]))
    assert dataset.counts == {"spot": 1}
    assert counted(dataset, "without a file name").endswith("(labels.json, image 2).")


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ('{"images": [], "annotations": [', "is no JSON: Expecting value: line 1 column 32 (char 31)"),
        ('{"images": {}, "annotations": []}', "is no COCO file: its images or its annotations are no list"),
    ],
)
def test_a_damaged_file_leaves_its_images_unlabelled_and_class_folders_as_they_are(tmp_path, save, text, why):
    for number in range(2):
        save(tmp_path / "flat" / f"{number}.png", number)
        save(tmp_path / "sorted" / f"class {number}" / "1.png", number)
    for place in ("flat", "sorted"):
        (tmp_path / place / "labels.json").write_text(text)
    with pytest.raises(FlawforgeError, match=r"none of the 2 images .* has a class") as caught:
        load(tmp_path / "flat")
    assert f"labels.json {why}" in str(caught.value)
    dataset = load(tmp_path / "sorted")
    assert (dataset.layout, len(dataset)) == ("classes", 2)
    assert dataset.broken == (Broken("labels.json", why),)


@pytest.mark.parametrize("text", ["[]", '{"a": {"images": [], "annotations": []}}', '["images", "annotations"]', "{"])
def test_other_json_is_no_coco(folder, text):
    data = folder([annotation(1, 1)])
    (data / "labels.json").write_text(text)
    (data / "images" / "0.json").write_text("{")
    assert coco(data, walk(data)) is None


def test_labels_of_other_images_are_told_and_the_folder_is_read_as_it_is(folder):
    dataset = load(folder([annotation(1, 7)], images=[image(7), image(8)]))
    assert dataset.layout == "flat"
    assert counted(dataset, "not in the folder").startswith("2 listed images")


def test_a_label_that_contradicts_its_class_folder_is_followed_and_told(tmp_path, save):
    for number, label in enumerate(("scratch", "scratch", "spot", "good")):
        save(tmp_path / label / f"{number}.png", number)
    found = [annotation(1, 0, 0), annotation(2, 1, 7), annotation(3, 2, 7)]
    data = {"images": [image(n) for n in range(3)], "annotations": found, "categories": CATEGORIES}
    (tmp_path / "labels.json").write_text(json.dumps(data))
    dataset = load(tmp_path)
    assert dataset.counts == {"good": 1, "scratch": 1, "spot": 2}
    assert counted(dataset, "another class") == (
        "Once: images whose folder is of another class than their label; the label was followed "
        "(scratch/1.png: spot in labels.json)."
    )
    assert counted(dataset, "not named").endswith("good/3.png): the class is that of the folder.")


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(seed=st.integers(0, 2**32))
def test_what_is_written_is_read_back(tmp_path_factory, seed):
    """Random valid sets: masks in each of the three forms come back pixel for pixel, boxes exactly."""
    draws = np.random.default_rng(seed)
    folder = tmp_path_factory.mktemp("set")
    ids = draws.choice(1000, 4, replace=False).tolist()
    named = {int(key): f"class {place}" for place, key in enumerate(draws.choice(90, 3, replace=False))}
    (folder / "x").mkdir()
    for number in ids:
        (folder / "x" / f"{number}.png").touch()
    expected: dict[str, list[Any]] = {f"x/{number}.png": [] for number in ids}
    items = []
    for key in range(draws.integers(0, 12)):
        of, category = int(draws.choice(ids)), int(draws.choice(list(named)))
        left, top = draws.integers(0, 20, 2).tolist()
        width, height = draws.integers(1, 12, 2).tolist()
        pixels = np.zeros((40, 50), np.uint8, order="F")
        pixels[top : top + height, left : left + width] = 1
        runs = as_runs(pixels == 1)
        form = draws.choice(["polygon", "packed", "runs"])
        ring = [left, top, left + width, top, left + width, top + height, left, top + height]
        shape: Any = [ring]
        if form == "packed":
            shape = {"size": [40, 50], "counts": coco_mask.encode(pixels)["counts"].decode()}
        elif form == "runs":
            shape = {"size": [40, 50], "counts": list(runs.counts)}
        box = [left, top, width, height]
        items.append({"id": key, "image_id": of, "category_id": category, "bbox": box, "segmentation": shape})
        region = tuple(map(float, ring)) if form == "polygon" else runs
        expected[f"x/{of}.png"].append((named[category], (left, top, left + width, top + height), region))
    data = {
        "images": [{"id": number, "file_name": f"{number}.png", "width": 50, "height": 40} for number in ids],
        "categories": [{"id": key, "name": name} for key, name in named.items()],
        "annotations": items,
    }
    (folder / "labels.json").write_text(json.dumps(data))
    read = coco(folder, walk(folder))
    assert read is not None
    for file, found in read.images.items():
        got = [(m.label, m.corners, getattr(m.regions[0], "rings", m.regions)[0]) for m in found.marks]
        assert got == list(dict.fromkeys(expected[file]))
        assert found.frame == (50, 40)
    assert {remark.what[:40] for remark in read.remarks} <= {"images of which an annotation is given m"}
    assert read.broken == []


@pytest.mark.nightly
def test_damaged_bytes_end_in_a_reading_or_a_named_error(folder):
    counts = list(as_runs(np.eye(24, 32, dtype=bool)).counts)
    data = folder([annotation(1, 1), annotation(2, 0, segmentation={"counts": counts, "size": [24, 32]})])
    read_or_explained(data / "labels.json", lambda: load(data))
