"""Distances pixel by pixel: of which training image, at which flip, and how much memory they take."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from flawforge.core.progress import SILENT
from flawforge.studies.copies import pixel_distance
from flawforge.studies.copies.pixel_distance import rank_references
from flawforge.studies.sets.image_store import ImageStore

LARGE = """
import resource, sys
import numpy as np
from flawforge.core.progress import SILENT
from flawforge.metrics.neighbours.nearest import AXES, nearest_flipped
from flawforge.studies.copies import run as study
from flawforge.studies.copies import pixel_distance as nearness
from flawforge.studies.sets.image_store import ImageStore
from pathlib import Path
import torch
torch.set_num_threads(1)
few, many, memory = int(sys.argv[2]), int(sys.argv[3]), float(sys.argv[4])
shape = (1, 64, 64)
def read(seed):
    return lambda i: np.random.default_rng((seed, i)).integers(0, 256, shape, dtype=np.uint8)
scratch = Path(sys.argv[1])
def rank(few, many):
    kind = shape, np.uint8, memory / 4, scratch
    with ImageStore(few, *kind) as a, ImageStore(many, *kind) as b:
        a.fill(read(0), "", SILENT), b.fill(read(0), "", SILENT)
        near = nearness.rank_references(a, b, 2, tuple(AXES), None, memory / 4, torch.device("cpu"), "", SILENT)
        assert np.array_equal(near.indices[:, 0], np.arange(few)) and not near.distances[:, 0].any()
rank(50, 100)
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
rank(few, many)  # 4 kB an image
print((resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1e3)
"""


@pytest.fixture(autouse=True)
def _no_cache(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FLAWFORGE_CACHE_MB", "0")


@pytest.mark.parametrize(
    ("few", "many", "bound"), [(60, 8000, 16), pytest.param(250, 20000, 32, marks=pytest.mark.nightly)]
)
def test_a_set_larger_than_the_bound_stays_within_it(tmp_path: Path, few: int, many: int, bound: int) -> None:
    assert many * 64 * 64 > 2 * bound * 1e6
    given = [str(tmp_path), str(few), str(many), str(bound * 1e6)]
    done = subprocess.run(
        [sys.executable, "-c", LARGE, *given], capture_output=True, text=True, check=False, timeout=200
    )
    assert done.returncode == 0, done.stderr
    assert float(done.stdout) < bound
    assert not list(tmp_path.iterdir())


def stored(images: np.ndarray, scratch: Path) -> ImageStore:
    store = ImageStore(len(images), images.shape[1:], np.uint8, 1e6, scratch)
    return store.fill(lambda index: images[index], "", SILENT)


def test_the_nearest_is_found_at_its_flip_and_in_another_group(tmp_path: Path) -> None:
    real = np.random.default_rng(0).integers(0, 256, (6, 1, 8, 10), dtype=np.uint8)
    generated = np.stack([real[4], real[2][:, :, ::-1]])
    flips = ("identity", "flip-horizontal")
    cpu, stores = torch.device("cpu"), (stored(generated, tmp_path), stored(real, tmp_path))
    near = rank_references(*stores, 2, flips, None, 1e6, cpu, "", SILENT)
    assert near.indices[:, 0].tolist() == [4, 2]
    assert near.flips[:, 0].tolist() == [0, 1]
    assert near.distances[:, 0].tolist() == [0, 0]
    small = rank_references(*stores, 2, flips, None, 200, cpu, "", SILENT)  # block by block
    assert np.array_equal(small.indices, near.indices)
    groups = np.array([0, 0, 1, 1, 2, 2])
    apart = rank_references(stores[1], stores[1], 1, flips, groups, 1e6, cpu, "", SILENT)
    assert (groups[apart.indices[:, 0]] != groups).all()


def test_a_ranking_is_remembered_by_content(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FLAWFORGE_CACHE_MB", "1")
    monkeypatch.setenv("FLAWFORGE_CACHE", str(tmp_path / "cache"))
    images = np.random.default_rng(0).integers(0, 256, (6, 1, 8, 10), dtype=np.uint8)

    def ranked(shown: np.ndarray, k: int = 2) -> pixel_distance.Nearest:
        stores = stored(shown[:2], tmp_path), stored(shown[2:], tmp_path)
        return rank_references(*stores, k, ("identity",), None, 1e6, torch.device("cpu"), "", SILENT)

    first = ranked(images)
    monkeypatch.setattr(pixel_distance, "nearest_flipped", lambda *_, **__: pytest.fail("ranked again"))
    assert all(np.array_equal(*columns) for columns in zip(first, ranked(images), strict=True))
    for other in (lambda: ranked(255 - images), lambda: ranked(images, 1)):
        with pytest.raises(pytest.fail.Exception):
            other()
