from __future__ import annotations

import json

import numpy as np
import pytest
from PIL import Image

from flawforge.core.errors import DataUnusableError
from flawforge.data.inspection.inspect import ClassFacts, inspect

pytestmark = pytest.mark.usefixtures("own_cache")


@pytest.fixture
def folder(tmp_path, save):
    for i in range(8):
        save(tmp_path / "pit" / f"{i}.png", i, 48, 40)
        save(tmp_path / "dent" / f"{i}.bmp", 100 + i, 48, 40 + 8 * (i == 7))
    save(tmp_path / "masks" / "pit" / "3.png", 3, 48, 40)
    (tmp_path / "pit" / "copy.png").write_bytes((tmp_path / "pit" / "2.png").read_bytes())
    (tmp_path / "dent" / "empty.png").touch()
    return tmp_path


def test_facts_of_each_class(folder):
    found = inspect(folder)
    assert found.classes == {
        "dent": ClassFacts(8, 8, (40, 48), 2, (40, 48), (48, 48), {"L": 8}, {"BMP": 8}, masks=0, boxes=0),
        "pit": ClassFacts(9, 8, (40, 48), 1, (40, 40), (48, 48), {"L": 9}, {"PNG": 9}, masks=1, boxes=0),
    }
    assert found.duplicates == (("pit/2.png", "pit/copy.png"),)
    assert [one.file for one in found.broken] == ["dent/empty.png"]
    assert found.notes[0].startswith("Few images: dent 8, pit 9.")


def test_the_split_has_every_sample_once_and_no_group_twice(folder):
    value = inspect(folder).as_json()
    group = {sample["file"]: sample["group"] for sample in value["samples"]}
    parts = value["split"]
    assert set(parts) == {"train", "validation", "test"}
    assert sorted(file for files in parts.values() for file in files) == sorted(group)
    sides = [{group[file] for file in files} for files in parts.values()]
    assert sum(len(side) for side in sides) == len(set.union(*sides)) == 16


def test_json_has_what_it_promises(folder):
    value = json.loads(json.dumps(inspect(folder).as_json(), allow_nan=False))
    assert set(value) == {
        "source",
        "layout",
        "fingerprint",
        "channels",
        "bits",
        "white",
        "classes",
        "samples",
        "unlabelled",
        "duplicates",
        "broken",
        "split",
        "notes",
    }
    first = value["samples"][0]
    assert first | {"sha256": "", "group": 0} == {
        "file": "dent/0.bmp",
        "class": "dent",
        "group": 0,
        "tile": None,
        "width": 40,
        "height": 48,
        "mode": "L",
        "encoding": "BMP",
        "gray": True,
        "boxes": [],
        "mask": None,
        "annotation": None,
        "label_source": "folder",
        "sha256": "",
    }
    assert value["classes"]["pit"]["images"] == 9
    assert value["broken"] == [{"file": "dent/empty.png", "reason": "is empty (0 bytes)"}]
    assert value["duplicates"] == [["pit/2.png", "pit/copy.png"]]
    assert (value["layout"], value["source"], len(value["fingerprint"])) == ("classes", str(folder), 64)


def test_nothing_marked_is_not_no_annotation(tmp_path, save):
    """An empty label file and a black mask say that nothing is wrong; where there is neither, nobody said it."""
    yolo, masks = tmp_path / "yolo", tmp_path / "masks"
    for i, text in enumerate(("0 0.5 0.5 0.2 0.2\n", "", None)):
        save(yolo / "images" / f"{i}.png", i, 48, 40)
        if text is not None:
            (yolo / "labels").mkdir(exist_ok=True)
            (yolo / "labels" / f"{i}.txt").write_text(text)
    for i in range(3):
        save(masks / "dent" / f"{i}.png", i, 48, 40)
    for i in range(2):
        drawn = np.zeros((48, 40), np.uint8)
        drawn[5:9, 5:9] = 255 * (i == 0)
        (masks / "masks" / "dent").mkdir(parents=True, exist_ok=True)
        Image.fromarray(drawn).save(masks / "masks" / "dent" / f"{i}.png")
    for root in (yolo, masks):
        value = inspect(root, groups=False).as_json()
        told = {sample["file"].rpartition("/")[2]: sample["annotation"] for sample in value["samples"]}
        assert told == {"0.png": "marked", "1.png": "nothing marked", "2.png": None}


def test_without_groups_there_is_no_split(folder):
    found = inspect(folder, groups=False)
    value = found.as_json()
    assert (found.groups, found.split, value["split"]) == (None, None, None)
    assert {sample["group"] for sample in value["samples"]} == {None}
    assert found.classes["pit"].groups is None


def test_a_choice_of_classes(folder):
    found = inspect(folder, classes=["pit"])
    assert list(found.classes) == ["pit"]
    assert {sample.label for sample in found.samples} == {"pit"}
    with pytest.raises(DataUnusableError, match="there is no class 'pits'"):
        inspect(folder, classes=["pits"])


def test_a_single_image_is_no_error(tmp_path, save):
    save(tmp_path / "only.png")
    found = inspect(tmp_path)
    assert len(found.samples) == 1
    assert found.as_json()["samples"][0]["group"] == 0
