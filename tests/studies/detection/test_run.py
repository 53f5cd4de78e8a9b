"""The study from a run to its record: what is placed, asked, fitted, checked and refused."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from scipy import ndimage

import flawforge
from flawforge.core.errors import DataUnusableError, RunExistsError, SettingError
from flawforge.runs.detection.record import PodRecord
from flawforge.studies.detection.placements import range_of


def dark_area(image: np.ndarray) -> float:
    """Pixels of the largest dark part."""
    smooth = image.astype(float) - np.median(image, axis=0)
    parts, count = ndimage.label(smooth < -22)
    return float(np.bincount(parts.ravel())[1:].max()) if count else 0.0


def careful(images: list[np.ndarray]) -> list[float]:
    """A chance that rises with the area of the largest dark part: 0.5 at 26 pixels, a scratch of 13."""
    return [1 / (1 + np.exp(-4 * np.log(max(dark_area(image), 0.5) / 26))) for image in images]


def study(trained: Path, plates: Path, out: Path, inspector: Any = careful, **more: Any) -> PodRecord:
    return flawforge.pod(trained, inspector, **{"data": plates, "out": out, "n": 24, **more})


@pytest.fixture(scope="module")
def made(trained: Path, plates: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, PodRecord]:
    out = tmp_path_factory.mktemp("made")
    return out, study(trained, plates, out, n=40)


def test_a_study_finds_the_size_and_keeps_record_table_and_pictures(made: tuple[Path, PodRecord]) -> None:
    out, record = made
    (one,) = record.classes
    assert one.label == "scratch"
    assert one.outcome == "curve"
    assert one.curve is not None
    assert one.curve.a50 == pytest.approx(13, rel=0.35)
    assert one.curve.a90 is not None
    assert record.sentence.startswith(
        f"This inspection finds 9 of 10 defects of scratch from {one.curve.a90:.0f} pixels on"
    )
    assert record.sentence.split("(with 95% confidence from ")[1][:2].isdigit()
    assert [one.in_pixels(size) for size in (None, 23.16, 1e6)] == ["none", "23.2", f"over {one.largest:.0f}"]
    assert PodRecord.model_validate_json((out / "records" / "pod.json").read_text()) == record
    rows = list(csv.DictReader((out / "records" / "pod.csv").open()))
    assert len(rows) == len(one.placed) == 40
    assert [row["found"] for row in rows] == [str(int(placed.found)) for placed in one.placed]
    assert all((out / shown.picture).is_file() for shown in one.strip if shown.picture)
    sizes = [shown.size for shown in one.strip]
    assert min(np.diff(sizes)) > -0.1  # whole pixels
    assert sizes[-1] > 1.5 * sizes[0]


def test_grounds_and_checks_are_images_that_nobody_learnt_from(
    made: tuple[Path, PodRecord], trained: Path, plates: Path
) -> None:
    _, record = made
    (one,) = record.classes
    names = {sample.sha256: sample.file for sample in flawforge.load(plates).samples}
    known = {names[sha] for sha in json.loads((trained / "run.json").read_text())["selection"]["samples"]}
    assert {placed.source for placed in one.placed} <= known
    assert {placed.ground for placed in one.placed} == {f"good/g{number:02d}.png" for number in range(12)}
    assert one.images == len(known) == 6
    assert one.real is not None
    assert one.real.images == 10
    assert one.real.holds is True
    assert record.false_calls is not None
    assert (record.false_calls.count, record.false_calls.total, record.false_calls.low) == (0, 12, 0)


def test_sizes_are_spread_evenly_and_each_strength_is_as_often(made: tuple[Path, PodRecord]) -> None:
    (one,) = made[1].classes
    strengths = [placed.strength for placed in one.placed]
    assert {strengths.count(strength) for strength in (0.7, 1.0, 1.4)} == {13, 14}
    steps = np.diff(np.log([placed.size for placed in one.placed]))
    assert np.abs(steps).max() < 0.35  # whole pixels make them uneven
    strong = np.mean([placed.contrast for placed in one.placed if placed.strength == 1.4])
    assert strong > 1.4 * np.mean([placed.contrast for placed in one.placed if placed.strength == 0.7])


def test_the_same_seed_gives_the_same_and_another_not(
    made: tuple[Path, PodRecord], trained: Path, plates: Path, tmp_path: Path
) -> None:
    first = made[1].classes
    assert study(trained, plates, tmp_path / "b", n=40).classes == first
    assert study(trained, plates, tmp_path / "c", seed=1).classes[0].placed[0] != first[0].placed[0]


def test_a_curve_that_does_not_hold_for_real_defects_is_said(trained: Path, plates: Path, tmp_path: Path) -> None:
    """An inspector that sees only what was put there by us: real images are in other files, told by their pixels."""
    real = {flawforge.load(plates).read(row).tobytes() for row in range(28)}

    def forger(images: list[np.ndarray]) -> list[float]:
        scores = careful(images)
        return [0.0 if image.tobytes() in real else score for image, score in zip(images, scores, strict=True)]

    (one,) = study(trained, plates, tmp_path, forger, n=40).classes
    assert one.real is not None
    assert one.real.holds is False
    assert one.real.found == 0
    assert any("The curve does not hold for real defects." in note for note in one.notes)


def test_what_finds_all_or_nothing_has_no_curve_and_says_so(trained: Path, plates: Path, tmp_path: Path) -> None:
    always = study(trained, plates, tmp_path / "a", lambda images: [True] * len(images), n=30)
    assert (always.classes[0].outcome, always.classes[0].shown) == ("false calls", None)
    assert "Hits include such false calls" in always.notes[0]
    assert always.sentence.startswith(
        "This inspection calls 12 of 12 good images defective, and 30 of 30 with a placed"
    )
    never = study(trained, plates, tmp_path / "n", lambda images: [False] * len(images))
    assert never.classes[0].outcome == "no hits"
    assert never.sentence.startswith("This inspection finds none of 24 placed defects of scratch")


def test_hits_that_are_lost_in_false_calls_leave_no_curve_anywhere(trained: Path, plates: Path, tmp_path: Path) -> None:
    """The sentence said that no size is stated, and the table below it had one."""

    def jumpy(images: list[np.ndarray]) -> list[float]:
        return [max(score, float(image[0, 0] % 5 > 0)) for score, image in zip(careful(images), images, strict=True)]

    (one,) = study(trained, plates, tmp_path, jumpy, n=40).classes
    assert 0 < one.found < 40
    assert "so no size is stated" in one.sentence
    assert (one.outcome, one.curve, one.shown) == ("false calls", None, None)
    assert one.real is not None
    assert one.real.expected is None


def test_a_record_is_not_replaced_unless_told(made: tuple[Path, PodRecord], trained: Path, plates: Path) -> None:
    out, record = made
    with pytest.raises(RunExistsError, match="Add --overwrite"):
        study(trained, plates, out)
    assert PodRecord.model_validate_json((out / "records" / "pod.json").read_text()) == record


def test_other_good_images_are_given_and_training_ones_among_them_left_out(
    trained: Path, plates: Path, tmp_path: Path
) -> None:
    record = study(trained, plates, tmp_path / "o", grounds=plates / "good")
    assert record.grounds == 12
    bad = tmp_path / "bad"
    bad.mkdir()
    for file in {placed.source for placed in record.classes[0].placed}:
        (bad / Path(file).name).write_bytes((plates / file).read_bytes())
    with pytest.raises(DataUnusableError, match="Give good images of other specimens"):
        study(trained, plates, tmp_path / "p", grounds=bad)
    with pytest.raises(
        DataUnusableError, match=r"16 of 16 images .* are of another class than the good ones\. Give good images only"
    ):
        study(trained, plates, tmp_path / "q", grounds=plates / "scratch")
    (tmp_path / "new" / "scratch").mkdir(parents=True)
    Image.fromarray(np.full((40, 60), 90, np.uint8)).save(tmp_path / "new" / "scratch" / "a.png")
    with pytest.raises(DataUnusableError, match=r"1 of 1 images \(such as scratch/a\.png\) are of another class"):
        study(trained, plates, tmp_path / "r", grounds=tmp_path / "new")


@pytest.mark.parametrize(
    ("asked", "words"),
    [
        ({"n": 19}, "-n is 19; a curve takes 20"),
        ({"classes": ["scrach"]}, "Did you mean 'scratch'"),
        ({"threshold": 2.0}, "--threshold is 2"),
        ({"good": "godo"}, "--good is .godo.*Did you mean .good"),
        ({"inspector": "nowhere"}, "there is no such file or folder"),
    ],
)
def test_what_is_wrong_is_named(trained: Path, plates: Path, tmp_path: Path, asked: dict[str, Any], words: str) -> None:
    with pytest.raises((SettingError, DataUnusableError), match=words):
        study(trained, plates, tmp_path, **asked)
    assert not (tmp_path / "records").exists()


@pytest.mark.usefixtures("each_its_own")
def test_without_good_images_or_masks_it_says_what_to_do(plates: Path, tmp_path: Path) -> None:
    bare = flawforge.load(plates / "scratch")
    flawforge.train(bare, tmp_path / "bare", recipe="compose")
    with pytest.raises(DataUnusableError, match="no class of good images .* --grounds DIR"):
        study(tmp_path / "bare", plates / "scratch", tmp_path / "o")
    with pytest.raises(DataUnusableError, match="mark it by a mask or a box"):
        study(tmp_path / "bare", plates / "scratch", tmp_path / "o", grounds=plates / "good")
    whole = flawforge.load(plates)
    flawforge.train(whole, tmp_path / "all", recipe="compose")
    with pytest.raises(DataUnusableError, match="all 12 good images .* Give others with --grounds"):
        study(tmp_path / "all", plates, tmp_path / "o")


def test_the_range_goes_from_below_the_first_hit_to_above_the_last_miss() -> None:
    sizes = np.repeat([2.0, 4, 8, 16, 32], 2)
    assert range_of(sizes, sizes > 5) == (4, 8)
    assert range_of(sizes, np.isin(np.arange(10), [3, 6, 8, 9])) == (2, 32)
    assert range_of(sizes, sizes > 0) == (2, 32)
    assert range_of(sizes, sizes < 0) == (2, 32)
