from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from flawforge.studies.sets.record_pictures import RecordPictures


@pytest.mark.parametrize(("shape", "mode"), [((5, 7), "L"), ((5, 7, 3), "RGB")])
def test_a_picture_is_kept_as_8_bits_below_the_run(tmp_path: Path, shape: tuple[int, ...], mode: str) -> None:
    image = np.full(shape, 4095, dtype=np.uint16)
    image[0] = 0
    kept = tmp_path / RecordPictures(tmp_path, "records/audit", 4095).keep(image)
    assert kept.parent == tmp_path / "records" / "audit"
    shown = Image.open(kept)
    assert (shown.mode, shown.size) == (mode, (7, 5))
    assert np.array_equal(np.asarray(shown), np.where(image > 0, 255, 0))


def test_equal_pictures_are_one_file_and_those_of_an_older_record_go_last(tmp_path: Path) -> None:
    black, white = (np.full((4, 4), level, dtype=np.uint8) for level in (0, 255))
    old = RecordPictures(tmp_path, "records/score")
    first, other = old.keep(black), old.keep(white)
    new = RecordPictures(tmp_path, "records/score")
    assert new.keep(black) == new.keep(black.copy()) == first
    assert (tmp_path / other).is_file()  # until the new record is written
    new.remove_others()
    assert [path.name for path in (tmp_path / "records" / "score").iterdir()] == [Path(first).name]
