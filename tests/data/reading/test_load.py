from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from flawforge.core.errors import DataNotFoundError, DataUnusableError, SettingError
from flawforge.core.progress import Progress, Task
from flawforge.data.reading.load import load, load_regardless, place_again, tell_unlabelled
from flawforge.data.reading_choices import ReadingChoices
from flawforge.data.sample import Broken
from heard import Heard

from .listed import labels

# real images


def test_magnetic_tile(real_data):
    dataset = load(real_data("magnetic-tile"))
    assert dataset.counts == {"blowhole": 115, "break": 85, "crack": 57, "fray": 32, "good": 485, "uneven": 103}
    assert sum(sample.mask is not None for sample in dataset.samples) == 388  # four mark nothing
    assert (min(s.width for s in dataset.samples), max(s.width for s in dataset.samples)) == (105, 632)
    assert (dataset.layout, dataset.broken) == ("classes", ())


# what is passed over


def test_broken_files_are_named_and_the_rest_goes_on(tmp_path, save):
    save(tmp_path / "good.PNG", 1)
    save(tmp_path / "Kratzer_ü_傷.png", 2)
    (tmp_path / "empty.png").touch()
    (tmp_path / "text.tif").write_text("hello")
    (tmp_path / "cut.png").write_bytes((tmp_path / "good.PNG").read_bytes()[:300])
    (tmp_path / "lost.jpg").symlink_to(tmp_path / "nowhere.jpg")
    (tmp_path / "self.jpg").symlink_to("self.jpg")
    os.mkfifo(tmp_path / "pipe.png")
    for name in (".DS_Store", "Thumbs.db", "._good.png", ".hidden.png"):
        (tmp_path / name).write_bytes(b"x")
    (tmp_path / "__MACOSX").mkdir()
    (tmp_path / "__MACOSX" / "x.png").write_bytes(b"x")
    dataset = load(tmp_path)
    assert [sample.file for sample in dataset.samples] == ["Kratzer_ü_傷.png", "good.PNG"]
    assert dataset.broken == (
        Broken("cut.png", "is cut short: the end of the picture is missing"),
        Broken("empty.png", "is empty (0 bytes)"),
        Broken("lost.jpg", "is a link that leads nowhere"),
        Broken("pipe.png", "is no regular file"),
        Broken("self.jpg", "is a link that leads nowhere"),
        Broken("text.tif", "is a text file, no image"),
    )


def test_links_in_a_circle_end(tmp_path, save):
    save(tmp_path / "a" / "1.png", 1)
    save(tmp_path / "b" / "1.png", 2)
    (tmp_path / "a" / "up").symlink_to(tmp_path)
    (tmp_path / "b" / "over").symlink_to(tmp_path / "a")
    assert labels(load(tmp_path)) == {"a/1.png": "a", "b/1.png": "b", "b/over/1.png": "b"}


def test_a_folder_that_may_not_be_read(tmp_path, save, monkeypatch):
    save(tmp_path / "a" / "1.png", 1)
    (tmp_path / "b").mkdir()
    scandir = os.scandir

    def guarded(path: Path):
        if Path(path).name == "b":
            raise PermissionError(13, "Permission denied")
        return scandir(path)

    monkeypatch.setattr(os, "scandir", guarded)
    assert load(tmp_path).broken == (Broken("b/", "is a folder that may not be read (no permission)"),)


def test_images_are_known_by_content(tmp_path, save):
    save(tmp_path / "a.png", 1).rename(tmp_path / "scan0001")
    save(tmp_path / "b.png", 2).rename(tmp_path / "b.img")
    (tmp_path / "BMW.notes").write_text("BM begins a bitmap, but not this")
    assert [sample.file for sample in load(tmp_path).samples] == ["b.img", "scan0001"]


def test_nothing_left_is_one_message(tmp_path):
    for i in range(3):
        (tmp_path / f"{i}.png").touch()
    (tmp_path / "a.jpg").write_text("x")
    with pytest.raises(DataUnusableError) as caught:
        load(tmp_path)
    assert str(caught.value) == (
        f"none of the 4 image files in {tmp_path} can be used:"
        f"\n  3 x is empty (0 bytes) (such as 0.png)"
        f"\n  1 x is a text file, no image (such as a.jpg)"
    )


def test_no_image_at_all(tmp_path):
    with pytest.raises(DataNotFoundError) as caught:
        load(tmp_path)
    assert str(caught.value) == (
        f"there is no image in {tmp_path}, nor in the folders below it. It is empty. "
        f"DATA is a folder of PNG, JPEG, BMP, TIFF or WebP images, or the word 'elpv' "
        f"(the solar cells of the extra 'elpv')."
    )
    (tmp_path / "a.txt").write_text("x")
    with pytest.raises(DataNotFoundError, match=r"Other files there: 1\."):
        load(tmp_path)


def test_no_such_folder(tmp_path):
    (tmp_path / "scratches").mkdir()
    with pytest.raises(DataNotFoundError) as caught:
        load(tmp_path / "scratchs")
    assert str(caught.value) == (
        f"there is no folder {tmp_path / 'scratchs'}. Did you mean 'scratches'? "
        f"DATA is a folder of images, or the word 'elpv' (the solar cells of the extra 'elpv')."
    )


def test_a_file_is_no_folder(tmp_path):
    (tmp_path / "data.zip").write_bytes(b"PK")
    with pytest.raises(DataNotFoundError) as caught:
        load(tmp_path / "data.zip")
    assert str(caught.value) == f"{tmp_path / 'data.zip'} is a file; DATA is a folder of images. Unpack it first."


# how it is read


def test_the_root_is_the_same_from_every_working_folder(tmp_path, save, monkeypatch):
    save(tmp_path / "photos" / "dents" / "a.png", 1)
    monkeypatch.chdir(tmp_path)
    dataset = load("photos")
    assert (dataset.source, dataset.root) == ("photos", (tmp_path / "photos").resolve())
    monkeypatch.chdir(tmp_path / "photos")
    assert dataset.read(0).shape == (24, 32)


def test_images_are_found_again_from_another_working_folder(tmp_path, save, monkeypatch):
    root = str(save(tmp_path / "one" / "data" / "a.png", 1).parent)
    save(tmp_path / "two" / "data" / "b.png", 2)
    monkeypatch.chdir(tmp_path / "one")
    assert place_again("data", root) == "data"
    monkeypatch.chdir(tmp_path)
    assert place_again("data", root) == root
    monkeypatch.chdir(tmp_path / "two")  # whose folder of that name is another one
    assert place_again("data", root) == root
    assert place_again("data", str(tmp_path / "gone")) == "data"  # moved together with the run
    assert place_again("data", "data") == "data"  # as runs of earlier versions say it
    assert place_again("elpv", "/gone") == "elpv"


def test_progress_counts_every_file(tmp_path, save):
    for i in range(150):
        save(tmp_path / f"{i:03}.png", i, 4, 4)
    (tmp_path / "x.png").touch()
    seen: list[float] = []

    class Counting(Progress):
        def task(self, title, total=None, unit=""):
            from contextlib import nullcontext

            seen.append(-total)

            class Count(Task):
                def advance(self, amount=1.0, **facts):
                    seen.append(amount)

            return nullcontext(Count())

    dataset = load(tmp_path, progress=Counting())
    assert [sample.file for sample in dataset.samples] == [f"{i:03}.png" for i in range(150)]
    assert (seen[0], sum(seen[1:])) == (-151, 151)


@pytest.fixture
def heard() -> Heard:
    return Heard()


NOT_GOOD = ReadingChoices(unmarked="unlabelled")


def half_done(root: Path, save: Callable[..., Path], save_xml: Callable[..., Path]) -> Path:
    for number in range(4):
        save(root / "images" / f"{number}.png", number)
        save_xml(root / "annotations" / f"{number}.xml", *([("dent", 1, 1, 9, 9)] if number < 2 else []))
    return root


def test_images_without_a_class_are_left_out_and_said_once(
    tmp_path: Path, save: Callable[..., Path], save_xml: Callable[..., Path], heard: Heard
) -> None:
    found = load(half_done(tmp_path, save, save_xml), NOT_GOOD)
    tell_unlabelled(found, heard)
    assert (len(found), len(found.unlabelled)) == (2, 2)
    assert heard.said == [
        f"2 images are not labelled and left out (such as images/2.png: annotations/2.xml marks nothing). To see all: "
        f"flawforge inspect {tmp_path} --unmarked unlabelled"
    ]
    tell_unlabelled(load(tmp_path, ReadingChoices(unmarked="good")), heard)
    assert len(heard.said) == 1


def test_regardless_of_classes_all_images_are_read(
    tmp_path: Path, save: Callable[..., Path], save_xml: Callable[..., Path]
) -> None:
    half_done(tmp_path, save, save_xml)
    for number in range(2):
        found = load_regardless(tmp_path, NOT_GOOD)
        assert (len(found), found.unlabelled) == (4, ())
        save_xml(tmp_path / "annotations" / f"{number}.xml")
    assert len(load_regardless(tmp_path, NOT_GOOD)) == 4
    with pytest.raises(DataUnusableError, match="none of the 4 images"):
        load(tmp_path, NOT_GOOD)


def test_choices_come_too_late_for_a_dataset(tmp_path: Path, save: Callable[..., Path]) -> None:
    save(tmp_path / "a" / "0.png")
    found = load(tmp_path, ReadingChoices(unmarked="good"))
    assert load(found) is load(found, found.choices) is found
    with pytest.raises(SettingError, match="this dataset was read"):
        load(found, ReadingChoices(tiles=32))
