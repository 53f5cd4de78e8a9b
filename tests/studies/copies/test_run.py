"""The audit: planted copies are found, none where there are none, changed data are refused; and its memory."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import scipy.ndimage as nd
from PIL import Image

from flawforge.core.errors import DataNotFoundError, DataUnusableError, RunBrokenError, RunNotFoundError, SettingError
from flawforge.core.images import resize
from flawforge.data.dataset import Dataset
from flawforge.data.reading.load import load
from flawforge.runs.folder import Run
from flawforge.runs.judged.audits import AuditRecord
from flawforge.runs.records import load_record
from flawforge.runs.run_settings import Selection
from flawforge.studies.copies.planted import patch_copy
from flawforge.studies.copies.run import audit
from flawforge.studies.synthesis.run import generate
from saved import saved

pytestmark = pytest.mark.usefixtures("own_groups")

SIDE = 16


@pytest.fixture(autouse=True)
def _quick(request: pytest.FixtureRequest) -> None:
    if "slow" not in request.keywords:
        request.getfixturevalue("quick_audit")


@pytest.fixture
def run(make_run: Any, draw_images: Any, tmp_path: Path) -> Run:
    """A run whose network has the size of the images, on 20 of them, mirrored in both ways while training."""
    made: Run = make_run(draw_images(tmp_path / "data" / "dents", 20, sizes=((SIDE, SIDE),)), flip="both")
    generate(made, 10)
    return made


def real(run: Run, index: int) -> np.ndarray:
    data = load(run.settings.data.source)
    return data.read(index)


def plant(run: Run, index: int, pixels: np.ndarray) -> str:
    file = f"dents/dents_{index:06d}.png"
    Image.fromarray(np.ascontiguousarray(pixels)).save(run.synthetic / file)
    return file


def test_the_record_says_what_was_compared_and_is_kept(run: Run) -> None:
    record = audit(run, k=3, command="flawforge audit run -k 3")
    assert load_record(run, "audit", AuditRecord) == record
    assert (record.n_generated, record.n_training, record.n_groups, record.k) == (10, 20, 20, 3)
    assert record.resolution == (SIDE, SIDE)
    assert record.transforms == ["identity", "flip-horizontal", "flip-vertical", "turn-180"]
    facts = json.loads((run.synthetic / "set.json").read_text())
    data = load(run.settings.data.source).fingerprint
    assert record.inputs == {"synthetic": facts["manifest_sha256"], "data": data, "real": data}
    assert record.command == "flawforge audit run -k 3"
    assert [len(pair.neighbours) for pair in record.pairs] == [3] * 10
    first = [pair.neighbours[0].distance for pair in record.pairs]
    assert first == sorted(first)
    assert sorted(record.generated_to_real.nearest) == first


def test_distances_are_those_of_the_published_check(run: Run) -> None:
    """For each generated image, rank all training images by Euclidean distance on the first channel, in [-1, 1]."""
    record = audit(run, k=20)
    reals = np.stack([real(run, i) for i in range(20)]) / 127.5 - 1
    flipped = np.stack([reals, reals[:, :, ::-1], reals[:, ::-1], reals[:, ::-1, ::-1]])
    names = [sample.file for sample in load(run.settings.data.source).samples]
    for pair in record.pairs:
        made = np.asarray(Image.open(run.synthetic / pair.file)) / 127.5 - 1
        table = np.sqrt(((flipped - made) ** 2).sum(axis=(2, 3)))
        order = np.argsort(table.min(axis=0))
        assert [near.file for near in pair.neighbours] == [names[i] for i in order]
        assert np.allclose([near.distance for near in pair.neighbours], table.min(axis=0)[order], rtol=1e-12)
        assert [near.transform for near in pair.neighbours] == [record.transforms[table[:, i].argmin()] for i in order]


def test_the_factor_turns_a_distance_into_gray_levels(run: Run) -> None:
    plant(run, 0, np.clip(real(run, 3).astype(int) + 2, 0, 255).astype(np.uint8))
    record = audit(run)
    assert 1.9 < record.pairs[0].neighbours[0].distance * record.root_mean_square <= 2


def test_planted_copies_are_found_where_they_were_planted(run: Run) -> None:
    straight, mirrored = plant(run, 4, real(run, 7)), plant(run, 6, real(run, 9)[::-1])
    record = audit(run)
    assert record.exact_copies == 2
    assert record.nearer_than_real is not None
    assert record.nearer_than_real >= 2
    found = {pair.file: pair.neighbours[0] for pair in record.pairs[:2]}
    assert (found[straight].file, found[straight].transform, found[straight].distance) == (
        "dents_007.png",
        "identity",
        0,
    )
    assert (found[mirrored].file, found[mirrored].transform, found[mirrored].distance) == (
        "dents_009.png",
        "flip-vertical",
        0,
    )
    assert record.sentence == (
        "Copies found: 2 of 10 generated images are copies of training images (2 exact, 0 altered: mirrored, shifted, "
        "cropped, brightened or noisy). Compare the pairs by eye."
    )


def test_a_mirrored_copy_counts_only_where_training_mirrored(make_run: Any, run: Run, tmp_path: Path) -> None:
    plain = make_run(Path(run.settings.data.source), name="plain", flip="none")
    generate(plain, 10)
    plant(plain, 6, real(run, 9)[:, ::-1])
    record = audit(plain)
    assert (record.exact_copies, record.transforms) == (0, ["identity"])


def test_nothing_is_found_where_nothing_was_planted(run: Run) -> None:
    """Images of the same kind that are new: as near to real ones as those are to each other, not nearer."""
    rng = np.random.default_rng(5)
    for index in range(10):
        plant(run, index, rng.integers(0, 256, (SIDE, SIDE), dtype=np.uint8))
    record = audit(run)
    assert (record.exact_copies, record.nearer_than_real) == (0, 0)
    assert record.copying is not None
    assert record.copying.found == 0
    assert ": 0 of 10 images were flagged, but" in record.sentence


def test_a_noisy_copy_is_nearer_than_real_ones_are(run: Run) -> None:
    rng = np.random.default_rng(0)
    file = plant(run, 2, np.clip(real(run, 3) + rng.integers(-3, 4, (SIDE, SIDE)), 0, 255).astype(np.uint8))
    record = audit(run)
    assert record.exact_copies == 0
    assert record.nearer_than_real is not None
    assert record.nearer_than_real >= 1
    assert (record.pairs[0].file, record.pairs[0].neighbours[0].file) == (file, "dents_003.png")


def test_a_generator_that_repeats_an_image_is_caught_through_the_resizing(
    make_run: Any, draw_images: Any, tmp_path: Path
) -> None:
    run = make_run(draw_images(tmp_path / "data" / "dents", 6, sizes=((20, 24),)), flip="both")
    generate(run, 4)
    seen = resize(real(run, 2), SIDE, SIDE)  # what training saw, mirrored, and as generate would write it
    plant(run, 1, resize(np.ascontiguousarray(seen[:, ::-1]), 20, 24))
    record = audit(run)
    assert record.exact_copies == 1
    assert record.pairs[0].neighbours[0].distance > 0


@pytest.mark.slow
def test_altered_copies_are_found_and_laid_side_by_side(
    make_run: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("flawforge.studies.copies.search.PLANTED", 7)  # one of each kind
    monkeypatch.setattr("flawforge.studies.copies.patches.SMALLEST", 64)

    def texture(seed: int) -> np.ndarray:
        rough = nd.gaussian_filter(np.random.default_rng(seed).standard_normal((64, 64)), 1.5)
        return np.clip(128 + 25 * rough / rough.std(), 0, 255).astype(np.uint8)

    run = make_run(saved(tmp_path / "data" / "dents", map(texture, range(14))), resolution=64, flip="none")
    generate(run, 10)
    for index in range(10):
        plant(run, index, texture(100 + index))
    shifted = plant(run, 3, np.roll(texture(5), 6, axis=1))
    turned = plant(run, 8, np.rot90(texture(7)))
    pieced = plant(run, 1, patch_copy(texture(9), texture(101), 1, np.random.default_rng(0)))
    record = audit(run, pairs=3)
    assert record.copying is not None
    assert record.copying.verdict == "copies found (2 of 10)"
    assert record.exact_copies == 0
    assert record.copying.recovered >= 6
    found = {pair.file: pair.likeness for pair in record.pairs[:2]}
    first, second = found[shifted], found[turned]
    assert first is not None
    assert second is not None
    assert (first.file, first.symmetry, first.copied) == ("05.png", "identity", True)
    assert first.shift == pytest.approx((100 * 6 / 64, 0), abs=1)
    assert (second.file, second.symmetry) == ("07.png", "turn-90")
    assert second.picture is not None
    laid = np.asarray(Image.open(run.path / second.picture)).astype(int)
    assert np.abs(laid - np.rot90(texture(7)))[4:-4, 4:-4].mean() < 6
    assert record.patches is not None
    assert (record.patches.found, record.patches.alarm_rate) == (1, 0.001)
    assert record.patches.recovered >= record.patches.planted - 2  # at 64 pixels, smooth images have few keypoints
    assert record.sentence.startswith("Copies found: 2 of 10 ")
    assert "Copied patches found: 1 of 10 generated image repeats a part of" in record.sentence
    third = record.pairs[2]
    assert (third.file, third.likeness is not None and third.likeness.copied) == (pieced, False)
    assert third.patch is not None
    assert (third.patch.file, third.patch.symmetry, third.patch.copied) == ("09.png", "flip-horizontal", True)
    part = np.asarray(Image.open(run.path / str(third.patch.picture)))
    source = np.asarray(Image.open(run.path / str(third.patch.source_picture)))
    (x, y, width, height), (left, top, *_) = (
        [round(0.64 * side) for side in box] for box in (third.patch.box, third.patch.source)
    )
    whole = source[top : top + height, left : left + width][:, ::-1]
    assert np.corrcoef(part[y : y + height, x : x + width].ravel(), whole.ravel())[0, 1] > 0.9
    assert record.diversity is not None
    assert record.diversity.repeats == 0
    assert {test.p for test in record.tests} == {None}
    assert record.tests[0].note == "there are no held-out images"


def test_real_images_are_compared_across_groups_only(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    groups = np.arange(20) // 2
    monkeypatch.setattr(Dataset, "groups", lambda self, progress=None: groups)
    record = audit(run)
    reals = np.stack([real(run, i) for i in range(20)]) / 127.5 - 1
    flipped = np.stack([reals, reals[:, :, ::-1], reals[:, ::-1], reals[:, ::-1, ::-1]])
    table = np.sqrt(((flipped[:, None] - reals[:, None]) ** 2).sum(axis=(3, 4))).min(axis=0)
    table[groups[:, None] == groups[None]] = np.inf
    assert record.real_to_real is not None
    assert np.allclose(record.real_to_real.nearest, table.min(axis=1), rtol=1e-12)
    assert record.n_groups == 10


def test_one_group_gives_no_scale_and_no_claim(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Dataset, "groups", lambda self, progress=None: np.zeros(20, dtype=np.int64))
    record = audit(run)
    assert (record.real_to_real, record.nearer_than_real) == (None, None)
    assert record.sentence == (
        "Too few images to tell: 0 of 10 images were flagged, but the training images show 1 specimen (8 are needed to "
        "know how alike images of different specimens are). Compare the nearest pairs by eye."
    )


def test_all_channels_see_what_the_first_does_not(make_run: Any, draw_images: Any, tmp_path: Path) -> None:
    run = make_run(draw_images(tmp_path / "data" / "dents", 5, sizes=((SIDE, SIDE),), mode="RGB"))
    generate(run, 3)
    copy = real(run, 1).copy()
    copy[..., 2] = 255 - copy[..., 2]
    plant(run, 0, copy)
    assert audit(run).exact_copies == 1
    assert audit(run, channels="all").exact_copies == 0


def test_sixteen_bits_are_compared_exactly(make_run: Any, draw_images: Any, tmp_path: Path) -> None:
    run = make_run(draw_images(tmp_path / "data" / "dents", 5, sizes=((SIDE, SIDE),), mode="I;16"))
    generate(run, 3)
    plant(run, 0, real(run, 1))
    off_by_one = real(run, 2).copy()
    off_by_one[3, 3] += 1
    plant(run, 1, off_by_one)
    record = audit(run)
    assert record.exact_copies == 1
    assert np.isclose(record.pairs[1].neighbours[0].distance, 2 / 4095)
    assert record.pairs[1].picture is not None
    assert Image.open(run.path / record.pairs[1].picture).mode == "L"


def test_pictures_show_the_first_pairs_as_compared_and_old_ones_go(run: Run) -> None:
    plant(run, 6, real(run, 9)[::-1])
    audit(run, pairs=9, k=2)
    record = audit(run, pairs=2, k=3)
    kept = {path.name for path in (run.records / "audit").iterdir()}
    named = [pair.picture for pair in record.pairs] + [n.picture for pair in record.pairs for n in pair.neighbours]
    named += [pair.likeness.picture for pair in record.pairs if pair.likeness is not None]
    assert kept == {Path(name).name for name in named if name is not None}
    assert len(kept) <= 2 * (2 + 3)  # equal pictures are kept once
    generated, nearest = record.pairs[0].picture, record.pairs[0].neighbours[0].picture
    assert generated is not None
    assert nearest is not None
    pixels = np.asarray(Image.open(run.path / generated))
    assert np.array_equal(pixels, np.asarray(Image.open(run.path / nearest)))
    assert np.array_equal(pixels, real(run, 9)[::-1])


def test_no_set_or_half_a_set_is_an_error_with_the_command(make_run: Any) -> None:
    run = make_run()
    with pytest.raises(RunNotFoundError) as caught:
        audit(run)
    assert str(caught.value) == (
        f"there is no synthetic set in {run.synthetic}. Generate one with: flawforge generate {run.path} -n 64"
    )
    (run.path / "photos").mkdir()
    (run.path / "photos" / "a.png").touch()
    with pytest.raises(RunNotFoundError, match=r"photos is no synthetic set: it holds images \(a\.png\)"):
        audit(run, synthetic=run.path / "photos")
    generate(run, 3)
    (run.synthetic / "manifest.jsonl").write_text("")
    with pytest.raises(RunBrokenError, match="none of the 3 images of the synthetic set"):
        audit(run)


def test_moved_data_are_found_with_data_and_changed_data_are_refused(run: Run, tmp_path: Path) -> None:
    source = Path(run.settings.data.source)
    moved = tmp_path / "elsewhere" / "dents"
    shutil.copytree(source, moved)
    shutil.rmtree(source)
    with pytest.raises(DataNotFoundError) as caught:
        audit(run)
    assert str(caught.value) == (
        f"the images that {run.path} was trained on are no longer in {source}. Generated images are compared with "
        f"them: say where they are now with --data DIR."
    )
    assert audit(run, data=moved).n_training == 20
    assert audit(run, data=load(moved)).n_training == 20
    next(iter(sorted(moved.iterdir()))).unlink()
    with pytest.raises(DataUnusableError) as refused:
        audit(run, data=moved)
    assert str(refused.value) == (
        f"the images in {moved} are not those that {run.path} was trained on: it had 20 (dents 20), here the same "
        f"choice gives 19, or other contents. Give the folder that it was trained on with --data DIR."
    )


def test_data_named_by_a_relative_path_are_found_from_another_working_folder(
    make_run: Any, draw_images: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    draw_images(tmp_path / "data" / "dents", 5, sizes=((SIDE, SIDE),))
    monkeypatch.chdir(tmp_path / "data")
    run = make_run(load("dents"))
    generate(run, 3)
    monkeypatch.chdir(tmp_path)
    assert audit(run).n_training == 5


def test_the_choice_of_classes_and_shots_is_made_again(make_run: Any, draw_images: Any, tmp_path: Path) -> None:
    for label in ("dents", "scratches"):
        draw_images(tmp_path / "data" / label, 8, seed=len(label))
    part = load(tmp_path / "data").select(["dents"], 5, 3)
    run = make_run(part, seed=3)
    run.save_settings(run.settings.model_copy(update={"selection": Selection(classes=["dents"], shots=5)}))
    generate(run, 3)
    assert audit(run).n_training == 5


def test_another_set_can_be_audited(run: Run, tmp_path: Path) -> None:
    generate(run, 4, seed=1, out=tmp_path / "other")
    assert audit(run, synthetic=tmp_path / "other").n_generated == 4


def test_little_memory_gives_the_same_record(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = audit(run)
    monkeypatch.setattr("flawforge.studies.copies.run.check_numbers", lambda **given: None)
    small = audit(run, memory_mb=0.008)  # neither set is held as a whole
    left_out = {"made", "versions"}
    assert small.model_dump(exclude=left_out) == whole.model_dump(exclude=left_out)
    assert {path.name for path in run.records.iterdir()} == {"audit", "audit.json"}


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"k": 0}, "-k is 0; it is a number of training images to rank, 1 to 10,000,000."),
        ({"channels": "red"}, "--channels is 'red'; allowed: first, all."),
        ({"pairs": -1}, "--pairs is -1; it is a number of pairs to keep pictures of, 0 to 10,000,000."),
        ({"memory_mb": 1}, "--memory-mb is 1; it is a bound in MB, 16 to 10,000,000."),
    ],
)
def test_wrong_arguments_are_explained(run: Run, wrong: dict[str, Any], message: str) -> None:
    with pytest.raises(SettingError) as caught:
        audit(run, **wrong)
    assert str(caught.value) == message


@pytest.mark.usefixtures("quick_audit")
def test_a_set_from_which_an_image_was_removed_is_judged_as_chosen_by_hand(run: Run) -> None:
    files = sorted((run.synthetic).glob("*/*.png"))
    files[0].unlink()
    record = audit(run)
    assert record.n_generated == len(files) - 1
    assert record.chosen_by_hand == f"1 of {len(files)} images was removed"
