from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch.utils.data import ConcatDataset, DataLoader

from flawforge.core.errors import RunBrokenError, RunNotFoundError, SettingError
from flawforge.core.files import sha256_file
from flawforge.studies.sets.synthetic_set import ManifestEntry, SyntheticSet, as_dataset, read_entries, read_facts
from flawforge.studies.synthesis.run import generate

ENTRY = ManifestEntry("dents/dents_000003.png", "dents", 0, 3, "step_10-ab", "cd" * 32, 8, 6, "I;16")


def written(folder: Path, lines: str, **facts: Any) -> Path:
    folder.mkdir()
    (folder / "manifest.jsonl").write_text(lines, encoding="utf-8")
    known = {
        "format": 1,
        "n": 1,
        "complete": True,
        "white": 4095,
        "command": "flawforge generate RUN",
        "manifest_sha256": sha256_file(folder / "manifest.jsonl"),
    }
    (folder / "set.json").write_text(json.dumps({**known, **facts}))
    return folder


def test_a_line_of_the_manifest_is_read_as_it_was_written() -> None:
    assert json.loads(ENTRY.line())["class"] == "dents"
    assert ManifestEntry.parse(ENTRY.line()) == ENTRY
    for torn in (ENTRY.line()[:-9], "{}", "[]", "null"):
        assert ManifestEntry.parse(torn) is None


def test_entries_end_before_the_first_line_that_is_torn(tmp_path: Path) -> None:
    folder = written(tmp_path / "set", ENTRY.line() * 2 + ENTRY.line().rstrip())
    assert list(read_entries(folder)) == [ENTRY, ENTRY]


def test_a_complete_set_is_opened(tmp_path: Path) -> None:
    opened = SyntheticSet.open(written(tmp_path / "set", ENTRY.line()))
    assert (len(opened), list(opened.entries()), opened.white(ENTRY)) == (1, [ENTRY], 4095)
    assert SyntheticSet.open(opened) is opened


def test_what_is_wrong_with_a_set_is_said_with_the_command_that_mends_it(tmp_path: Path) -> None:
    half = written(tmp_path / "half", ENTRY.line(), complete=False, n=9)
    with pytest.raises(RunNotFoundError) as incomplete:
        SyntheticSet.open(half)
    assert str(incomplete.value) == (
        f"the synthetic set in {half} is not complete: it was interrupted before all 9 images were written. Run the "
        f"same command again to resume: flawforge generate RUN"
    )
    changed = written(tmp_path / "changed", ENTRY.line(), manifest_sha256="0")
    with pytest.raises(RunBrokenError) as broken:
        SyntheticSet.open(changed)
    assert str(broken.value) == (
        f"{changed / 'manifest.jsonl'} has changed since the set was generated. Repair the set with the command that "
        f"generated it: flawforge generate RUN"
    )
    later = written(tmp_path / "later", ENTRY.line(), format=2)
    with pytest.raises(RunBrokenError, match="has format 2; this version of Flawforge reads format 1"):
        read_facts(later)


def test_images_are_the_files_in_the_contract_of_memory(make_run: Any) -> None:
    run = make_run()
    made = generate(run, 5)
    dataset = as_dataset(run)
    assert len(dataset) == 5
    image, label = dataset[3]
    assert (image.dtype, tuple(image.shape), label) == (torch.float32, (1, 20, 24), 0)
    pixels = made.read(list(made.entries())[3])
    assert np.array_equal(np.rint((image[0].numpy() + 1) * 127.5), pixels)
    assert dataset.classes == ["scratches"]
    assert dataset.targets == [0] * 5


@pytest.mark.parametrize("mode", ["L", "RGB", "I;16"])
@pytest.mark.parametrize("channels", [None, 1, 3])
def test_channels_and_size_as_asked(
    make_run: Any, draw_images: Any, tmp_path: Path, mode: str, channels: int | None
) -> None:
    run = make_run(draw_images(tmp_path / "data" / "dents", 4, mode=mode, sizes=((20, 24), (30, 18))))
    generate(run, 8)
    images = [image for image, _ in as_dataset(run, size=(12, 10), channels=channels)]
    expected = channels or (3 if mode == "RGB" else 1)
    assert {tuple(image.shape) for image in images} == {(expected, 12, 10)}
    stacked = torch.stack(images)
    assert stacked.min() >= -1
    assert stacked.max() <= 1
    assert stacked.std() > 0.02


def test_it_joins_ones_own_in_a_loader_with_workers(make_run: Any) -> None:
    run = make_run()
    generate(run, 6)
    own: Any = [(torch.zeros(1, 16, 16), 0)] * 4
    both = ConcatDataset([own, as_dataset(run.synthetic, size=16, class_to_index={"good": 0, "scratches": 7})])
    for context in ("fork", "spawn"):
        batches = list(DataLoader(both, batch_size=5, num_workers=1, multiprocessing_context=context))
        assert torch.cat([labels for _, labels in batches]).tolist() == [0] * 4 + [7] * 6
        assert torch.cat([images for images, _ in batches]).shape == (10, 1, 16, 16)


def test_what_cannot_be_is_explained(make_run: Any, tmp_path: Path) -> None:
    run = make_run()
    with pytest.raises(RunNotFoundError) as caught:
        as_dataset(run)
    assert str(caught.value) == (
        f"there is no synthetic set in {run.synthetic}. Generate one with: flawforge generate {run.path} -n 64"
    )
    with pytest.raises(RunNotFoundError, match=f"flawforge generate RUN -n 64 --out {tmp_path / 'x'}"):
        as_dataset(tmp_path / "x")
    generate(run, 2)
    with pytest.raises(SettingError) as wrong:
        as_dataset(run, class_to_index={"good": 0})
    assert str(wrong.value) == (
        f"class_to_index has no number for class 'scratches' of {run.synthetic}; it has good. Add one, e.g. "
        f"class_to_index={{**yours, 'scratches': 0}}"
    )
    with pytest.raises(SettingError, match="channels is 2; allowed: 1, 3, or None"):
        as_dataset(run, channels=2)
    with pytest.raises(SettingError, match="size is 0; it is a number of pixels"):
        as_dataset(run, size=0)
