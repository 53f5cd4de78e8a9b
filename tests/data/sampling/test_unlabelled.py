from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from flawforge.core.errors import DataNotFoundError, DataUnusableError
from flawforge.data.dataset import Dataset
from flawforge.data.reading.load import load
from flawforge.data.reading_choices import AS_USUAL
from flawforge.data.sampling.unlabelled import LABEL, find_unlabelled, load_unlabelled
from heard import Heard

Draw = Callable[..., Path]


def more(draw_images: Draw, tmp_path: Path, n: int = 6) -> Path:
    return draw_images(tmp_path / "more" / "whatever", n, seed=7)


def test_classes_and_layout_are_ignored_and_each_image_counts_once(draw_images: Draw, tmp_path: Path) -> None:
    chosen = load(draw_images(tmp_path / "data" / "scratch", 5))
    folder = more(draw_images, tmp_path)
    shutil.copy(folder / "whatever_000.png", folder / "again.png")
    found = load_unlabelled(tmp_path / "more", chosen, chosen)
    assert len(found) == 6
    assert found.classes == (LABEL,)


def test_training_images_count_as_those(draw_images: Draw, tmp_path: Path, heard: Heard) -> None:
    chosen = load(draw_images(tmp_path / "data" / "scratch", 5))
    shutil.copy(tmp_path / "data" / "scratch" / "scratch_001.png", more(draw_images, tmp_path) / "copy.png")
    assert len(load_unlabelled(tmp_path / "more", chosen, chosen, heard)) == 6
    assert heard.said == [
        "1 unlabelled images are also training images, and are used as those only",
        f"6 unlabelled images from {tmp_path / 'more'}",
    ]
    with pytest.raises(DataUnusableError, match="holds no image beside the training images"):
        load_unlabelled(tmp_path / "data", chosen, chosen)


def test_images_that_the_score_compares_with_are_refused(draw_images: Draw, tmp_path: Path) -> None:
    whole = load(draw_images(tmp_path / "data" / "scratch", 8))
    chosen = whole.take(range(5))
    shutil.copy(tmp_path / "data" / "scratch" / "scratch_006.png", more(draw_images, tmp_path) / "leak.png")
    with pytest.raises(DataUnusableError, match=r"holds 1 images of .* that --shots left out .*scratch_006.png"):
        load_unlabelled(tmp_path / "more", whole, chosen)


def test_crops_of_held_back_material_are_not_used(
    draw_images: Draw, tmp_path: Path, heard: Heard, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = load(draw_images(tmp_path / "data" / "scratch", 8))
    more(draw_images, tmp_path)
    near = "whatever_003.png"

    def groups(self: Dataset, progress: object = None) -> object:
        import numpy as np

        shared = [s.file.endswith((near, "scratch_006.png")) for s in self.samples]
        return np.where(shared, 999, np.arange(len(self)))

    monkeypatch.setattr(Dataset, "groups", groups)
    found = load_unlabelled(tmp_path / "more", whole, whole.take(range(5)), heard)
    assert len(found) == 5
    assert not any(sample.file.endswith(near) for sample in found.samples)
    assert heard.said[0].startswith("1 unlabelled images show the same specimens as images that --shots")


def test_a_folder_without_images_is_told_by_its_flag(draw_images: Draw, tmp_path: Path) -> None:
    chosen = load(draw_images(tmp_path / "data" / "scratch", 5))
    (tmp_path / "empty").mkdir()
    with pytest.raises(DataNotFoundError, match="there is no image in .* --unlabelled is a folder of PNG"):
        load_unlabelled(tmp_path / "empty", chosen, chosen)


def test_they_are_found_again_by_content(draw_images: Draw, tmp_path: Path) -> None:
    chosen = load(draw_images(tmp_path / "data" / "scratch", 5))
    folder = more(draw_images, tmp_path)
    found = load_unlabelled(tmp_path / "more", chosen, chosen)
    about = found.source, str(found.root), [sample.sha256 for sample in found.samples]
    draw_images(tmp_path / "more" / "later", 3, seed=9)  # more than there was is no matter
    again = find_unlabelled(*about, AS_USUAL, Heard())
    assert again.fingerprint == found.fingerprint
    (folder / "whatever_002.png").unlink()
    with pytest.raises(DataUnusableError, match="1 of the 6 unlabelled images .* are no longer in"):
        find_unlabelled(*about, AS_USUAL, Heard())


def test_they_are_found_again_from_another_working_folder(
    draw_images: Draw, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    chosen = load(draw_images(tmp_path / "data" / "scratch", 5))
    more(draw_images, tmp_path)
    monkeypatch.chdir(tmp_path)
    found = load_unlabelled("more", chosen, chosen)
    monkeypatch.chdir(tmp_path / "data")
    samples = [sample.sha256 for sample in found.samples]
    assert find_unlabelled("more", str(found.root), samples, AS_USUAL, Heard()).fingerprint == found.fingerprint


@pytest.fixture
def heard() -> Heard:
    return Heard()
