"""Generating: which images, in which files, what happens when it is interrupted, and how much memory it takes."""

from __future__ import annotations

import json
import os
import threading
import tracemalloc
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

import flawforge.studies.synthesis.writer as writing
from flawforge import __version__
from flawforge.core.errors import DiskFullError, RunExistsError, RunNotFoundError, RunUnwritableError, SettingError
from flawforge.core.files import sha256_file
from flawforge.runs.checkpoint import require_checkpoint, save_checkpoint
from flawforge.studies.sets.synthetic_set import SyntheticSet
from flawforge.studies.synthesis.run import generate
from flawforge.studies.synthesis.sampler import Sampler
from heard import Heard


def contents(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*.png"))}


def manifest(folder: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (folder / "manifest.jsonl").read_text().splitlines()]


def test_a_set_is_images_a_manifest_in_order_and_facts(make_run: Any) -> None:
    run = make_run()
    made = generate(run, 70, seed=3, command="flawforge generate run -n 70")
    lines = manifest(made.folder)
    assert made.folder == run.synthetic
    assert [line["index"] for line in lines] == list(range(70))
    assert {(line["class"], line["seed"], line["mode"], line["width"], line["height"]) for line in lines} == {
        ("scratches", 3, "L", 24, 20)
    }
    assert lines[12]["file"] == "scratches/scratches_000012.png"
    assert lines[12]["checkpoint"] == require_checkpoint(run).name
    assert all(line["sha256"] == sha256_file(made.folder / line["file"]) for line in lines)
    assert len(contents(made.folder)) == 70
    facts = json.loads((made.folder / "set.json").read_text())
    assert facts["complete"] is True
    assert facts["classes"] == {"scratches": 70}
    assert facts["manifest_sha256"] == sha256_file(made.folder / "manifest.jsonl")
    assert (facts["n"], facts["seed"], facts["command"]) == (70, 3, "flawforge generate run -n 70")
    assert [entry.file for entry in made.entries()] == [line["file"] for line in lines]


def test_an_image_does_not_depend_on_how_many_there_are_nor_on_threads(make_run: Any, tmp_path: Path) -> None:
    run = make_run()
    many = contents(generate(run, 70, out=tmp_path / "many").folder)
    threads = torch.get_num_threads()
    torch.set_num_threads(3)
    try:
        few = contents(generate(run, 5, out=tmp_path / "few").folder)
    finally:
        torch.set_num_threads(threads)
    assert few == {name: many[name] for name in few}
    assert len(set(many.values())) == 70
    other = contents(generate(run, 5, out=tmp_path / "other", seed=1).folder)
    assert not set(other.values()) & set(few.values())


def test_images_come_from_the_average_where_there_is_one(make_run: Any, tmp_path: Path) -> None:
    run = make_run()
    before = contents(generate(run, 2, out=tmp_path / "last").folder)
    tensors = require_checkpoint(run).tensors()
    average = {key.replace("generator.", "ema."): value * 0.9 for key, value in tensors.items()}
    save_checkpoint(run, 2, {**tensors, **average}, {"kimg": 0.024, "seconds": 2.0, "stopped": None})
    after = contents(generate(run, 2, out=tmp_path / "average").folder)
    assert not set(before.values()) & set(after.values())


def test_a_gray_generator_forced_to_three_channels_writes_gray_files_for_gray_data(make_run: Any) -> None:
    made = generate(make_run(channels=3), 2)
    assert {Image.open(made.folder / entry.file).mode for entry in made.entries()} == {"L"}


def test_several_classes_learnt_as_one_mixture_give_the_class_mixed(
    make_run: Any, draw_images: Any, tmp_path: Path
) -> None:
    for label in ("dents", "scratches"):
        draw_images(tmp_path / "data" / label, 4)
    run = make_run(tmp_path / "data")
    assert generate(run, 2).facts["classes"] == {"mixed": 2}
    with pytest.raises(SettingError) as caught:
        generate(run, 2, classes=["dents"])
    assert str(caught.value) == (
        "--classes dents: recipe dcgan-lite learnt 2 classes (dents, scratches) as one mixture and cannot generate "
        "one of them alone. Leave --classes out (the images get the class 'mixed'), or train a run on that class: "
        "flawforge train DATA --classes dents --out RUN"
    )
    with pytest.raises(SettingError) as caught:
        generate(run, 2, classes=["dent"])
    assert str(caught.value) == (
        "--classes dent: the run was not trained on this class. Did you mean 'dents'? It was trained on: dents, "
        "scratches."
    )


def test_flat_layout_puts_all_files_into_one_folder(make_run: Any) -> None:
    made = generate(make_run(), 3, layout="flat", classes=["scratches"])
    assert sorted(contents(made.folder)) == [f"scratches_00000{i}.png" for i in range(3)]


def test_truncation_makes_images_more_alike(make_run: Any, tmp_path: Path) -> None:
    run = make_run()

    def spread(truncation: float | None) -> float:
        made = generate(run, 32, truncation=truncation, out=tmp_path / str(truncation))
        return float(np.stack([made.read(entry) for entry in made.entries()]).std(axis=0).mean())

    assert spread(0.3) < spread(1.0) < spread(None)


def test_asking_for_more_adds_to_the_same_set(make_run: Any, tmp_path: Path) -> None:
    run = make_run()
    generate(run, 5)
    time = (run.synthetic / "scratches" / "scratches_000002.png").stat().st_mtime_ns
    more = generate(run, 40)
    assert (run.synthetic / "scratches" / "scratches_000002.png").stat().st_mtime_ns == time
    at_once = generate(run, 40, out=tmp_path / "at_once")
    assert contents(more.folder) == contents(at_once.folder)
    assert (more.folder / "manifest.jsonl").read_bytes() == (at_once.folder / "manifest.jsonl").read_bytes()


def test_the_same_command_again_does_nothing(make_run: Any) -> None:
    run = make_run()
    first = generate(run, 5)
    times = [path.stat().st_mtime_ns for path in sorted(run.synthetic.rglob("*"))]
    assert generate(run, 5).facts == first.facts
    assert [path.stat().st_mtime_ns for path in sorted(run.synthetic.rglob("*"))] == times


def test_a_changed_or_lost_file_is_made_again(make_run: Any) -> None:
    run = make_run()
    before = contents(generate(run, 9).folder)
    (run.synthetic / "scratches" / "scratches_000003.png").write_bytes(b"")
    (run.synthetic / "scratches" / "scratches_000007.png").unlink()
    assert contents(generate(run, 9).folder) == before


def test_interrupted_work_goes_on_and_ends_equal(
    make_run: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = make_run()
    whole = generate(run, 150, out=tmp_path / "whole")
    real, calls = Sampler.images, []

    def stop_in_the_third_batch(self: Sampler, seed: int, label: str, number: int, *rest: Any) -> Any:
        calls.append(number)
        if number == 2:
            raise KeyboardInterrupt
        return real(self, seed, label, number, *rest)

    monkeypatch.setattr(Sampler, "images", stop_in_the_third_batch)
    with pytest.raises(KeyboardInterrupt):
        generate(run, 150, command="flawforge generate RUN -n 150")
    monkeypatch.setattr(Sampler, "images", real)
    with pytest.raises(RunNotFoundError) as caught:
        SyntheticSet.open(run)
    assert str(caught.value) == (
        f"the synthetic set in {run.synthetic} is not complete: it was interrupted before all 150 images were written. "
        f"Run the same command again to resume: flawforge generate RUN -n 150"
    )
    with (run.synthetic / "manifest.jsonl").open("a") as file:  # a line torn by a kill
        file.write('{"file": "scratches/scr')
    assert contents(generate(run, 150).folder) == contents(whole.folder)
    assert (run.synthetic / "manifest.jsonl").read_bytes() == (whole.folder / "manifest.jsonl").read_bytes()


def test_killed_after_the_last_image_only_the_facts_are_written(make_run: Any) -> None:
    run = make_run()
    generate(run, 4)
    facts = json.loads((run.synthetic / "set.json").read_text())
    (run.synthetic / "set.json").write_text(json.dumps({**facts, "complete": False, "manifest_sha256": None}))
    assert generate(run, 4).facts["manifest_sha256"] == facts["manifest_sha256"]


def test_a_set_of_other_settings_is_kept_unless_told(make_run: Any) -> None:
    run = make_run()
    before = contents(generate(run, 5).folder)
    with pytest.raises(RunExistsError) as caught:
        generate(run, 3, seed=1)
    assert str(caught.value) == (
        f"{run.synthetic} already holds a synthetic set made with other settings (seed 0 instead of 1; "
        f"5 images instead of 3). To replace it, use flawforge generate with --overwrite; to keep both, give another "
        f"--out."
    )
    assert contents(run.synthetic) == before
    (run.synthetic / "scratches" / "notes.txt").write_text("mine")
    after = contents(generate(run, 3, seed=1, overwrite=True).folder)
    assert len(after) == 3
    assert not set(before.values()) & set(after.values())
    assert (run.synthetic / "scratches" / "notes.txt").read_text() == "mine"


@pytest.mark.parametrize("older", ["0.0.9", None])
def test_images_of_another_version_are_kept_until_they_are_to_be_overwritten(make_run: Any, older: str | None) -> None:
    run, heard = make_run(), Heard()

    def again(n: int, overwrite: bool = False) -> tuple[Any, bool]:
        first = next(run.synthetic.rglob("*_000000.png"))
        os.utime(first, (0, 0))
        facts = generate(run, n, overwrite=overwrite, progress=heard).facts
        return facts.get("version"), first.stat().st_mtime != 0

    facts = generate(run, 3).facts
    assert facts["version"] == __version__
    changed = {**facts, "version": older} if older else {key: facts[key] for key in facts if key != "version"}
    (run.synthetic / "set.json").write_text(json.dumps(changed))
    assert [again(3), again(4)] == [(older, False)] * 2
    heard.said.clear()
    assert again(4, overwrite=True) == (__version__, True)
    assert heard.said[0] == (
        f"{run.synthetic} was made by {f'version {older}' if older else 'an earlier version'} of Flawforge; its images "
        f"are made again by version {__version__}"
    )
    assert again(4, overwrite=True) == (__version__, False)


def test_a_folder_of_other_files_is_left_alone(make_run: Any, tmp_path: Path) -> None:
    (tmp_path / "photos").mkdir()
    (tmp_path / "photos" / "holiday.png").write_bytes(b"x")
    with pytest.raises(RunExistsError) as caught:
        generate(make_run(), 2, out=tmp_path / "photos", overwrite=True)
    assert str(caught.value) == (
        f"{tmp_path / 'photos'} holds files that belong to no synthetic set (holiday.png). "
        f"Give --out a folder that is empty or does not exist yet."
    )


def test_a_full_disk_is_explained_and_later_gone_on_from(make_run: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    run, real, written = make_run(), writing.write_bytes, []

    def fill_up(path: Path, data: bytes, *, durable: bool) -> None:
        written.append(path)
        if len(written) > 20:
            raise DiskFullError("full")
        real(path, data, durable=durable)

    monkeypatch.setattr(writing, "write_bytes", fill_up)
    with pytest.raises(DiskFullError) as caught:
        generate(run, 200)
    assert str(caught.value) == (
        f"the disk of {run.synthetic} is full. The images written so far are intact. Free some space, and run the "
        f"same command again to resume; or give --out a folder on another disk."
    )
    assert len(written) < 200
    monkeypatch.setattr(writing, "write_bytes", real)
    assert len(contents(generate(run, 200).folder)) == 200


def test_an_unwritable_folder_is_explained(make_run: Any, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(RunUnwritableError, match="Choose a folder that you may write to"):
        generate(make_run(), 2, out=tmp_path / "file" / "set")


@pytest.mark.nightly
def test_memory_does_not_grow_with_the_number(make_run: Any, tmp_path: Path) -> None:
    run = make_run()
    generate(run, 3000, out=tmp_path / "warm", compression=1)  # Python's table of interned names has its size then

    def peak(n: int) -> int:
        tracemalloc.start()
        generate(run, n, out=tmp_path / str(n), compression=1)
        top = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return top

    small, large = peak(300), peak(3000)
    assert large < small * 1.2 + 50_000


def test_files_are_written_while_images_are_made(make_run: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """The second batch is asked for while the first one's files are held up in the threads."""
    run, real, second = make_run(), Sampler.images, threading.Event()
    written, put = [], writing.write_bytes

    def images(self: Sampler, seed: int, label: str, number: int, *rest: Any) -> Any:
        if number == 1:
            assert not written
            second.set()
        return real(self, seed, label, number, *rest)

    def hold_up(path: Path, data: bytes, *, durable: bool) -> None:
        assert second.wait(30)
        written.append(path)
        put(path, data, durable=durable)

    monkeypatch.setattr(Sampler, "images", images)
    monkeypatch.setattr(writing, "write_bytes", hold_up)
    assert len(contents(generate(run, 128).folder)) == 128


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"n": 0}, "-n is 0; it is a number of images per class, 1 to 10,000,000."),
        ({"seed": -1}, "--seed is -1; it is a whole number, from 0, below 2^63."),
        ({"layout": "clases"}, "--layout is 'clases'; allowed: classes, flat. Did you mean 'classes'?"),
        ({"compression": 10}, "--compression is 10; it is zlib's level, from none to smallest, 0 to 9."),
        (
            {"truncation": 0.0},
            "--truncation is 0; it is a bound on latent numbers, usually 0.7 (typical images) to 2 (nearly no effect; "
            "leave it out for the full variety), 0.1 to 100.",
        ),
    ],
)
def test_wrong_arguments_are_explained_before_anything_is_written(
    make_run: Any, wrong: dict[str, Any], message: str
) -> None:
    run = make_run()
    with pytest.raises(SettingError) as caught:
        generate(run, **wrong)
    assert str(caught.value) == message
    assert not run.synthetic.exists()


def test_a_run_without_checkpoint_or_no_run_is_explained(make_run: Any, tmp_path: Path) -> None:
    run = make_run()
    for path in run.checkpoints.iterdir():
        path.unlink()
    with pytest.raises(RunNotFoundError, match="has no whole checkpoint yet"):
        generate(run, 2)
    with pytest.raises(RunNotFoundError, match="there is no folder"):
        generate(tmp_path / "nowhere", 2)


def test_nothing_is_drawn_from_the_global_generators(make_run: Any) -> None:
    run = make_run()
    before = torch.get_rng_state()
    generate(run, 3)
    assert torch.equal(torch.get_rng_state(), before)
