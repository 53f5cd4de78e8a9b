from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from flawforge.core.progress import SILENT
from flawforge.studies.sets.image_store import ImageStore


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
@pytest.mark.parametrize("memory", [1e6, 0])
def test_blocks_are_the_images_in_memory_or_in_a_file_that_goes(tmp_path: Path, dtype: type, memory: float) -> None:
    images = np.random.default_rng(0).integers(0, np.iinfo(dtype).max, (7, 2, 3, 4), dtype=dtype)
    with ImageStore(7, (2, 3, 4), dtype, memory, tmp_path / "scratch") as store:
        assert store.fill(images.__getitem__, "reading", SILENT) is store
        assert (tmp_path / "scratch").exists() == (memory == 0)
        assert len(store) == 7
        assert [len(block) for block in store.blocks(3)] == [3, 3, 1]
        assert np.array_equal(np.concatenate([block.numpy() for block in store.blocks(3)]), images)
        assert np.array_equal(store.block(5, 99).numpy(), images[5:])
    assert not list(tmp_path.rglob("*.*"))
