"""What storing does to an image, and how it is levelled."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image

from flawforge.data.decode import examine
from flawforge.data.levelling import Level, even_border, files_quality, middle, through_jpeg
from flawforge.data.sample import Entry, Sample

GRAIN = np.clip(np.random.default_rng(0).normal(120, 20, (48, 40)), 0, 255).astype(np.uint8)


@pytest.mark.parametrize("quality", [30, 50, 75, 92, 100])
def test_the_quality_of_a_jpeg_file_is_read_from_its_tables(tmp_path, quality: int) -> None:
    Image.fromarray(GRAIN).save(tmp_path / "a.jpg", quality=quality)
    assert abs(examine(tmp_path / "a.jpg").quality - quality) <= 1
    Image.fromarray(GRAIN).save(tmp_path / "a.png")
    assert examine(tmp_path / "a.png").quality == 0


def test_encoding_again_at_the_files_own_quality_changes_next_to_nothing() -> None:
    once = through_jpeg(GRAIN, 75)
    assert np.abs(through_jpeg(once, 75).astype(int) - once).mean() < 0.1
    assert np.abs(through_jpeg(GRAIN, 75).astype(int) - GRAIN).mean() > 1


def files(**counts: int) -> list[Sample]:
    """PNG files, and JPEG files of quality q70, ...; q0 is one of a trial that an older version began."""
    out = []
    for name, count in counts.items():
        encoding, quality = ("PNG", 0) if name == "png" else ("JPEG", int(name[1:]))
        facts = {"width": 4, "height": 4, "mode": "L", "gray": True, "peak": 9, "sha256": ""}
        out += [Sample(**vars(Entry("a", "b")), encoding=encoding, quality=quality, **facts)] * count
    return out


def test_all_pass_the_quality_of_most_files_and_none_a_better_one_than_the_usual() -> None:
    assert files_quality(files(png=3, q70=2)) is None
    assert files_quality(files(png=2, q70=3)) == 70
    assert files_quality(files(q98=3)) == 92
    assert files_quality(files(q98=3), 100) == 98
    assert files_quality(files(q0=3)) == 92


def test_an_even_border_is_cut_off_and_an_even_image_has_none() -> None:
    framed = np.pad(GRAIN, ((6, 3), (0, 9)), constant_values=2)
    assert even_border(framed) == (6, 3, 0, 9)
    assert even_border(GRAIN) == (0, 0, 0, 0)
    assert even_border(np.full((9, 9), 7, np.uint8)) == (0, 0, 0, 0)
    level = Level(1, GRAIN.shape, crop=True)
    assert (level.apply(framed, 255) == GRAIN).all()
    assert (level.apply(GRAIN, 255) == GRAIN).all()


def test_what_enlarging_has_mixed_with_a_border_goes_with_it() -> None:
    bright = (GRAIN // 4 + 150).astype(np.uint8)
    large = Image.fromarray(np.pad(bright, 8)).resize((128, 128), Image.Resampling.BICUBIC)
    buffer = io.BytesIO()
    large.save(buffer, "JPEG", quality=60)
    cut = Level(1, (128, 128), crop=True).apply(np.asarray(Image.open(buffer)), 255).astype(int)
    edge = np.r_[cut[0], cut[-1], cut[:, 0], cut[:, -1]]
    assert abs(edge.mean() - cut.mean()) < 20  # 17; 151 where only even rows go


def test_a_level_applies_its_steps_in_order() -> None:
    wide = np.arange(20 * 60, dtype=np.uint16).reshape(20, 60)
    assert (middle(wide, 1.0) == wide[:, 20:40]).all()
    cut = Level(1, (20, 20), shape=1.0).apply(wide, 65535)
    assert cut.shape == (20, 20)
    assert (cut == np.rint(wide[:, 20:40] / 257)).all()
    encoded = Level(3, (48, 40), quality=60).apply(GRAIN, 255)
    assert (encoded == through_jpeg(GRAIN, 60)[..., None]).all()
    framed = Level(1, (24, 20), quality=60, frame=(96, 80)).apply(GRAIN, 255)
    assert framed.shape == (24, 20)
