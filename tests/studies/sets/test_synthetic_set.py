from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch.utils.data import ConcatDataset, DataLoader

from flawforge.core.errors import RunBrokenError, RunExistsError, RunNotFoundError, SettingError
from flawforge.core.files import sha256_file
from flawforge.runs.set_files import ManifestEntry, read_entries, read_facts
from flawforge.studies.sets.synthetic_set import SyntheticSet, as_dataset
from flawforge.studies.synthesis.run import generate
from heard import Heard

ENTRY = ManifestEntry("dents/dents_000003.png", "dents", 0, 3, "step_10-ab", "cd" * 32, 8, 6, "I;16")


def written(folder: Path, lines: str, **facts: Any) -> Path:
    (folder / "dents").mkdir(parents=True)
    (folder / ENTRY.file).write_bytes(b"an image")
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
    empty = written(tmp_path / "empty", ENTRY.line())
    (empty / ENTRY.file).unlink()
    with pytest.raises(RunBrokenError, match="none of the 1 images of the synthetic set in .* is there. Generate them"):
        SyntheticSet.open(empty)
    (empty / "manifest.jsonl").unlink()
    with pytest.raises(RunBrokenError, match="Make it again with: flawforge generate RUN --sync --out"):
        SyntheticSet.open(empty)
    later = written(tmp_path / "later", ENTRY.line(), format=2)
    with pytest.raises(RunBrokenError, match="has format 2; this version of Flawforge reads format 1"):
        read_facts(later)


def test_line_ends_added_and_doubled_lines_change_nothing(make_run: Any) -> None:
    """Two processes once wrote each line twice, and training on the set counted each image twice."""
    run = make_run()
    made = generate(run, 4)
    entries, manifest = list(made.entries()), run.synthetic / "manifest.jsonl"
    lines = manifest.read_text()
    for text in (lines * 2, lines.replace("\n", "\r\n"), f"\n# mine\n{lines}[1]\n", lines + ENTRY.line()):
        manifest.write_bytes(text.encode())
        found = SyntheticSet.open(run)
        assert list(found.entries()) == entries
        assert (len(found), found.facts, found.fingerprint, bool(found.by_hand)) == (
            4,
            made.facts,
            made.fingerprint,
            False,
        )
        assert len(as_dataset(run)) == 4


def test_what_a_person_removed_or_sorted_counts_as_it_lies(make_run: Any, draw_images: Any, tmp_path: Path) -> None:
    """A set whose images were deleted kept its length, and failed in the middle of a training."""
    for label in ("dents", "scratches"):
        draw_images(tmp_path / "data" / label, 4)
    run = make_run(tmp_path / "data", design="fewshot", resolution=32, latent=8)
    generate(run, 4)
    (run.synthetic / "dents/dents_000001.png").unlink()
    (run.synthetic / "scratches/scratches_000000.png").rename(run.synthetic / "dents/scratches_000000.png")
    (run.synthetic / "bad").mkdir()
    (run.synthetic / "scratches/scratches_000003.png").rename(run.synthetic / "bad/scratches_000003.png")
    found = SyntheticSet.open(run)
    assert (len(found), found.facts["classes"]) == (6, {"dents": 4, "scratches": 2})
    assert str(found.by_hand) == "2 of 8 images were removed and 1 of 8 images was put into another class"
    dataset = as_dataset(run)
    assert sorted(label for _, label in dataset) == [0, 0, 0, 0, 1, 1]
    heard = Heard()
    synced = generate(run, sync=True, progress=heard)
    assert heard.said[-1].endswith("lists the 6 images that are there; chosen by hand: " + str(found.by_hand))
    assert (synced.by_hand, synced.fingerprint) == (found.by_hand, found.fingerprint)
    facts = read_facts(run.synthetic)
    assert (facts["n"], facts["chosen_by_hand"]) == (6, {"generated": 8, "removed": 2, "moved": 1})
    assert (run.synthetic / "manifest.jsonl").read_text().count("\n") == 6
    with pytest.raises(RunExistsError, match="chosen by hand: 2 of 8 images were removed"):
        generate(run, 4)  # would put back what was thrown out


def test_sync_repairs_a_manifest_without_its_lines(make_run: Any) -> None:
    run = make_run()
    made = generate(run, 4)
    lines = (run.synthetic / "manifest.jsonl").read_text().splitlines(keepends=True)
    (run.synthetic / "manifest.jsonl").write_text(lines[2] + '{"file": "scr')
    mended = generate(run, sync=True)
    assert (mended.facts, bool(mended.by_hand)) == (made.facts, False)
    assert (run.synthetic / "manifest.jsonl").read_text() == "".join(lines)
    (run.synthetic / "manifest.jsonl").unlink()
    assert generate(run, sync=True).fingerprint == made.fingerprint


def test_a_dataset_survives_another_working_folder_and_slices(
    make_run: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = make_run()
    generate(run, 5)
    monkeypatch.chdir(tmp_path)
    dataset = as_dataset("run")
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    part = dataset[1:3]
    assert (len(part), part.targets) == (2, [0, 0])
    assert torch.equal(part[0][0], dataset[1][0])


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
