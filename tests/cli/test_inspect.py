from __future__ import annotations

import json

import numpy as np
import pytest
from cyclopts import App
from PIL import Image

from flawforge.cli.inspect import inspect
from flawforge.core.errors import RunUnwritableError, SettingError

pytestmark = pytest.mark.usefixtures("own_cache")


@pytest.fixture
def folder(tmp_path):
    root = tmp_path / "parts"
    for code, label in enumerate(("dent", "pit [deep]")):
        (root / label).mkdir(parents=True)
        for i in range(20):
            pixels = np.random.default_rng([code, i]).integers(0, 256, (40, 48), dtype=np.uint8)
            Image.fromarray(pixels).save(root / label / f"{i:02}.png")
    (root / "dent" / "20.png").write_bytes((root / "dent" / "05.png").read_bytes())
    return root


@pytest.fixture
def flawforge(capsys):
    app = App()
    app.command(inspect)

    def call(*words: object) -> str:
        app(["inspect", *map(str, words)], exit_on_error=False, result_action="return_value")
        return capsys.readouterr().out

    return call


def lines(text: str) -> list[str]:
    return [line.rstrip() for line in text.splitlines()]


def test_what_a_person_reads(folder, flawforge):
    (folder / "dent" / "bad.png").write_text("oops")
    assert lines(flawforge(folder)) == [
        f"{folder}: a folder per class, 41 images in 2 classes",
        "",
        "class       images  groups  width x height  stored as",
        "dent            21      20  48 x 40         8-bit gray; PNG",
        "pit [deep]      20      20  48 x 40         8-bit gray; PNG",
        "",
        "overlap groups",
        "2 of 41 images show the same specimen as another image; the largest group has 2 images.",
        "21 images of dent show 20 specimens.",
        "",
        "exact duplicates (the same pixels)",
        "  dent/05.png = dent/20.png",
        "",
        "proposed split (each group stays in one part; --json lists the files)",
        "class       train  validation  test",
        "dent           15           3     3",
        "pit [deep]     14           3     3",
        "all            29           6     6",
        "",
        "skipped (1 file)",
        "  dent/bad.png: is a text file, no image",
    ]


def test_without_groups(folder, flawforge):
    text = flawforge(folder, "--no-groups", "--classes", "pit [deep]")
    assert lines(text) == [
        f"{folder}: a folder per class, 20 images in 1 class",
        "",
        "class       images  width x height  stored as",
        "pit [deep]      20  48 x 40         8-bit gray; PNG",
    ]


def test_json_is_one_value_and_nothing_else(folder, flawforge):
    value = json.loads(flawforge(folder, "--json"))
    assert {"samples", "duplicates", "broken"} <= set(value)
    assert {"file", "class", "group", "width", "height", "mode"} <= set(value["samples"][0])


def test_long_lists_are_cut(folder, flawforge):
    for i in range(13):
        (folder / "dent" / f"x{i:02}.png").touch()
    text = lines(flawforge(folder, "--no-groups"))
    at = text.index("skipped (13 files)")
    assert text[at + 10 : at + 12] == ["  dent/x09.png: is empty (0 bytes)", "  and 3 more (--json lists all)"]


def test_a_contact_sheet(folder, flawforge, tmp_path):
    sheet = tmp_path / "new" / "sheet.png"
    assert lines(flawforge(folder, "--no-groups", "--sheet", sheet))[-1] == f"contact sheet: {sheet}"
    with Image.open(sheet) as image:
        assert (image.format, image.mode, image.width) == ("PNG", "L", 8 * 128 + 7 * 4)


def test_a_contact_sheet_that_cannot_be_is_refused_at_once(folder, flawforge, tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(RunUnwritableError) as below:
        flawforge(folder, "--sheet", tmp_path / "file" / "sheet.png")
    assert str(below.value) == (
        f"cannot make the folder {tmp_path / 'file'}: File exists. "
        f"Give --contact-sheet a file in a folder that you may write to."
    )
    with pytest.raises(SettingError) as ending:
        flawforge(folder, "--sheet", "sheet.jpg")
    assert str(ending.value) == (
        "--contact-sheet cannot be 'sheet.jpg': the picture is a PNG; give it a name that ends in .png."
    )


def test_a_sheet_with_labels(folder, flawforge, tmp_path):
    picture = tmp_path / "new" / "labels.png"
    assert lines(flawforge(folder, "--no-groups", "--picture", picture))[-1] == f"sheet with labels: {picture}"
    with Image.open(picture) as image:
        assert (image.format, image.mode, image.width) == ("PNG", "RGB", 5 * 224 + 4 * 4)
    with pytest.raises(SettingError, match="--picture cannot be 'labels.jpg'"):
        flawforge(folder, "--picture", "labels.jpg")


def test_images_without_a_class_are_listed_with_the_reason(folder, flawforge):
    for i in range(3):
        (folder / "dent" / f"{i:02}.png").rename(folder / "dent" / f"dent_{i}.png")
    text = lines(flawforge(folder, "--no-groups", "--classes-from", "names"))
    start = text.index("not labelled (38 images, left out of all that uses labels)")
    assert text[start + 1] == "  dent/03.png: its name tells no class"
    assert text[start + 11] == "  and 28 more (--json lists all)"
