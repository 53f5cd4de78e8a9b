"""The search for copied defects: what is moved without saying so is found, and what is declared is not."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from PIL import Image
from scipy import ndimage

from flawforge.data.dataset import Dataset
from flawforge.data.reading.load import load
from flawforge.runs.folder import Run
from flawforge.studies.copies.defects import find_copied_defects
from flawforge.studies.sets import MatchedImages
from flawforge.studies.synthesis import generate
from flawforge.training.train import train

SIZE, SHOTS, MADE = (48, 56), 20, 100


@pytest.fixture(scope="module")
def material(tmp_path_factory: pytest.TempPathFactory) -> tuple[Dataset, Run]:
    """Draw pits of many outlines on noise, and good images; and a run that pastes the pits."""
    folder, rng = tmp_path_factory.mktemp("photos"), np.random.default_rng(0)
    for label, count in (("pit", SHOTS), ("good", 4)):
        (folder / label).mkdir()
        (folder / "masks" / label).mkdir(parents=True)
        for number in range(count):
            pixels = rng.normal(120, 8, SIZE)
            if label == "pit":
                shape = ndimage.gaussian_filter(rng.normal(size=SIZE), 4)
                shape[:8] = shape[-8:] = shape[:, :8] = shape[:, -8:] = -1
                parts, _ = ndimage.label(shape > 0.02)
                mask = parts == 1 + int(np.bincount(parts.ravel())[1:].argmax())
                pixels += mask * (-40 + 60 * ndimage.gaussian_filter(rng.normal(size=SIZE), 0.8))
                Image.fromarray(255 * mask.astype(np.uint8)).save(folder / "masks" / label / f"{number}.png")
            Image.fromarray(pixels.clip(0, 255).astype(np.uint8)).save(folder / label / f"{number}.png")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Dataset, "groups", lambda self, progress=None: np.arange(len(self)))
        run = train(folder, folder.parent / f"{folder.name}-run", "copy-paste", previews=0, bend=0, scaling=1)
        generate(run, MADE)
    return load(folder), run


def test_one_undeclared_defect_in_a_hundred_is_found_and_declared_ones_are_not(material: tuple[Dataset, Run]) -> None:
    data, run = material
    made = generate(run, MADE)
    matched = MatchedImages(data, made, SIZE, 1, "first")
    rows = {sample.file: row for row, sample in enumerate(data.samples)}
    declared = [np.array([rows[entry.sources[0]]]) for entry in matched.entries]
    groups = np.arange(len(data))
    planted = 17
    declared[planted] = np.zeros(0, np.int64)
    outcome, found = find_copied_defects(matched, groups, declared)
    assert outcome is not None
    (one,) = found
    assert (outcome.found, one.file) == (1, matched.entries[planted].file)
    assert (outcome.verdict, outcome.planted) == ("copies found (1 of 100)", 32)
    assert outcome.recovered >= 0.9 * outcome.planted
    assert one.source == matched.entries[planted].sources[0]


def test_without_masks_on_either_side_nothing_is_measured(material: tuple[Dataset, Run]) -> None:
    data, run = material
    bare = replace(data, samples=tuple(replace(one, marks=()) for one in data.samples))
    matched = MatchedImages(bare, generate(run, MADE), SIZE, 1, "first")
    assert find_copied_defects(matched, np.arange(len(data)), [np.zeros(0, np.int64)] * MADE) == (None, [])
