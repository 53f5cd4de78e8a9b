"""The search for copied defects: what is moved without saying so is found, and what is declared is not."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from scipy import ndimage

from flawforge.data.dataset import Dataset
from flawforge.data.reading.load import load
from flawforge.runs.folder import Run
from flawforge.studies.copies.defects import defects_note, find_copied_defects
from flawforge.studies.copies.pair_pictures import keep_windows
from flawforge.studies.sets import ForeignSet, MatchedImages, RecordPictures
from flawforge.studies.sets.stored import StoredDataset
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


def test_windows_show_the_defect_and_the_real_one_turned_as_it_lies(
    material: tuple[Dataset, Run], tmp_path: Path
) -> None:
    """The training images lie on their side here; of turns to the left and to the right one was told for the other."""
    data, run = material
    for path in data.root.rglob("*.png"):
        (tmp_path / path.relative_to(data.root)).parent.mkdir(parents=True, exist_ok=True)
        Image.open(path).transpose(Image.Transpose.ROTATE_90).save(tmp_path / path.relative_to(data.root))
    matched = MatchedImages(load(tmp_path), generate(run, MADE), SIZE, 1, "first")
    del matched.entries[12:]
    _, found = find_copied_defects(matched, np.arange(len(data)), [np.zeros(0, np.int64)] * MADE)
    kept = keep_windows(RecordPictures(tmp_path / "out", "pictures"), matched, found, 8)
    assert {"turn-90", "turn-270"} <= {one.symmetry for one in kept}
    alike = []
    for one in kept[:8]:
        pair = [np.asarray(Image.open(tmp_path / "out" / str(path))) for path in (one.window, one.source_window)]
        if pair[0].shape == pair[1].shape:  # else one is cut off by its image's rim
            alike.append(np.corrcoef([plane.ravel() for plane in pair])[0, 1])
    assert len(alike) >= 3
    assert min(alike) > 0.7
    assert kept[8:] == found[8:]


def test_without_masks_on_either_side_nothing_is_measured(material: tuple[Dataset, Run]) -> None:
    data, run = material
    bare = replace(data, samples=tuple(replace(one, marks=()) for one in data.samples))
    matched = MatchedImages(bare, generate(run, MADE), SIZE, 1, "first")
    assert find_copied_defects(matched, np.arange(len(data)), [np.zeros(0, np.int64)] * MADE) == (None, [])


def test_it_is_said_that_marks_in_images_of_another_tool_were_not_used(material: tuple[Dataset, Run]) -> None:
    """The guide promised them compared "where generated and training images have masks"; nothing was, silently."""
    data, run = material

    def notes(images: Dataset) -> list[str]:
        stored = StoredDataset(images.source, images.root, images.layout, images.samples)
        return defects_note(MatchedImages(data, ForeignSet.of(stored), SIZE, 1, "first"))

    assert notes(data)[0].startswith("The marks of the generated images were not used: copied defects ")
    assert notes(replace(data, samples=tuple(replace(one, marks=()) for one in data.samples))) == []
    assert defects_note(MatchedImages(data, generate(run, MADE), SIZE, 1, "first")) == []
