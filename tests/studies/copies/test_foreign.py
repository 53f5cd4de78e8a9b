"""The audit of images from other tools."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import flawforge
from flawforge.core.errors import RunNotFoundError, SettingError
from flawforge.models.extractors import Lite0
from flawforge.studies.copies.search import CopySearch
from foreign_sets import as_colour, as_jpeg, as_png, enlarged, folder, surface

pytestmark = pytest.mark.usefixtures("own_cache", "own_groups")


@pytest.mark.usefixtures("quick_audit")
def test_a_planted_copy_is_found_however_it_is_stored(tmp_path: Path) -> None:
    real, made = folder(tmp_path / "real", range(30)), folder(tmp_path / "made", range(1000, 1012))
    for seed, draw in ((3, as_jpeg), (4, as_colour), (5, enlarged), (6, as_png)):
        draw(made / f"copy_{seed}", surface(seed))
    record = flawforge.audit(real, synthetic=made, out=tmp_path / "out")
    flagged = {pair.file: pair.likeness.file for pair in record.pairs if pair.likeness and pair.likeness.copied}
    assert flagged == {
        "copy_3.jpg": "00003.png",
        "copy_4.png": "00004.png",
        "copy_5.png": "00005.png",
        "copy_6.png": "00006.png",
    }
    assert record.sentence.startswith("Copies found: 4 of 16 generated images are copies of real images (")
    assert (tmp_path / "out" / "records" / "audit.json").is_file()
    assert len(list((tmp_path / "out" / "records" / "audit").glob("*.png"))) > 12


@pytest.mark.nightly
def test_one_planted_copy_in_two_hundred_is_found(tmp_path: Path) -> None:
    """Flat JPEG of twice the size, RGB for gray, mirrored, tinted."""

    def disguised(path: Path, pixels: np.ndarray) -> None:
        colour = np.stack([pixels * 0.9, pixels * 0.8, pixels * 0.6], axis=-1).astype(np.uint8)
        Image.fromarray(colour).resize((128, 128), 3).save(path.with_suffix(".jpg"), quality=70)

    real, made = folder(tmp_path / "real", range(60)), folder(tmp_path / "made", range(1000, 1199), disguised)
    disguised(made / "copy", surface(7)[:, ::-1])
    record = flawforge.audit(real, synthetic=made)
    assert [pair.file for pair in record.pairs if pair.likeness and pair.likeness.copied] == ["copy.jpg"]
    assert record.pairs[0].likeness is not None
    assert record.pairs[0].likeness.file == "00007.png"


@pytest.mark.usefixtures("quick_audit")
def test_held_out_images_let_the_set_be_tested_as_a_whole(tmp_path: Path) -> None:
    train, held = np.stack([surface(s) for s in range(20)]), np.stack([surface(s) for s in range(50, 70)])
    made = np.stack([surface(s) for s in range(1000, 1010)])
    record = flawforge.audit(np.concatenate([train, held]), synthetic=made, train=train)
    assert (record.n_training, record.n_generated) == (20, 10)
    assert all(test.p is not None for test in record.tests)
    assert "as you say it" in record.notes[0]


def test_what_does_not_fit_is_refused(tmp_path: Path, make_run) -> None:
    images = folder(tmp_path / "images", range(6))
    with pytest.raises(RunNotFoundError, match="is a folder of images, no run.*flawforge audit .* --synthetic DIR"):
        flawforge.audit(images)
    with pytest.raises(RunNotFoundError, match="flawforge audit REAL --synthetic [^ ]*images[.] .* --out REAL-run"):
        flawforge.audit(images, train="REAL")
    with pytest.raises(SettingError, match="--synthetic is missing"):
        flawforge.audit(np.zeros((4, 8, 8), np.uint8))
    with pytest.raises(SettingError, match="--data says where a run's images are"):
        flawforge.audit(images, synthetic=images, data=images)
    run = make_run(images)
    with pytest.raises(SettingError, match="--train is for images from elsewhere"):
        flawforge.audit(run, train=images)


@pytest.mark.usefixtures("quick_audit")
def test_a_second_audit_aligns_nothing_and_finds_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real, made = folder(tmp_path / "real", range(20)), folder(tmp_path / "made", range(1000, 1006))
    as_jpeg(made / "copy", surface(3))
    first = flawforge.audit(real, synthetic=made)
    monkeypatch.setattr("flawforge.studies.copies.search.copy_scores", lambda *words: pytest.fail("aligned again"))
    again = flawforge.audit(real, synthetic=made)
    left_out = {"made", "versions", "command"}
    assert again.model_dump(exclude=left_out) == first.model_dump(exclude=left_out)
    assert first.copying is not None
    assert first.copying.found == 1


@pytest.mark.usefixtures("quick_audit")
def test_of_a_large_set_the_likest_are_aligned_until_none_is_a_copy(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("flawforge.studies.copies.alignments.LOOKED_AT", 3)
    monkeypatch.setattr("flawforge.studies.copies.patches.SMALLEST", 64)
    monkeypatch.setattr("flawforge.studies.copies.patches.SEARCHED", 5)
    real, made = folder(tmp_path / "real", range(24)), folder(tmp_path / "made", range(1000, 1016))
    for seed in range(4):
        as_png(made / f"copy_{seed}", np.roll(surface(seed), 1, axis=0))
    record = flawforge.audit(real, synthetic=made)
    flagged = {pair.file for pair in record.pairs if pair.likeness and pair.likeness.copied}
    assert flagged == {f"copy_{seed}.png" for seed in range(4)}
    assert record.copying is not None
    assert record.patches is not None
    looked = len(record.copying.generated)
    assert looked in (6, 9)  # three with copies alone, then those with the fourth one, then perhaps three without
    assert sum(pair.likeness is not None for pair in record.pairs) == looked
    assert record.copying.called is not None
    assert (record.copying.found, record.copying.of, record.copying.called.total) == (4, 20, 20)
    assert len(record.patches.generated) == sum(pair.patch is not None for pair in record.pairs) == 5
    assert f"Of 20 generated images the {looked} that are likest" in "".join(record.notes)
    assert "of 5 images drawn from 20" in record.sentence
    every = flawforge.audit(real, synthetic=made, thorough=True)
    assert every.copying is not None
    assert every.patches is not None
    assert (len(every.copying.generated), len(every.patches.generated), every.copying.of) == (20, 20, None)
    assert not any("--thorough" in note for note in every.notes)


def test_a_planted_copy_that_would_not_have_been_looked_at_is_not_found(monkeypatch: pytest.MonkeyPatch) -> None:
    search = CopySearch(lambda row: surface(row).astype(np.float32), np.arange(12))
    monkeypatch.setattr("flawforge.studies.copies.search.PLANTED", 7)
    planted, found = search.recovered(0.3)
    assert found >= 6
    assert search.recovered(0.3, limit=1.0) == (planted, found)
    assert search.recovered(0.3, limit=-0.1) == (planted, 0)


@pytest.mark.usefixtures("quick_audit")
def test_the_score_takes_the_features_that_the_audit_took(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real, made = (
        folder(tmp_path / "real", range(12), as_large),
        folder(tmp_path / "made", range(1000, 1010), as_large),
    )
    taken: list[int] = []
    own = Lite0.__call__
    monkeypatch.setattr(Lite0, "__call__", lambda self, images: taken.append(len(images)) or own(self, images))
    flawforge.audit(real, synthetic=made)
    assert sorted(taken) == [10, 12]
    taken.clear()
    flawforge.score(real, synthetic=made)
    assert 10 not in taken


def as_large(path: Path, pixels: np.ndarray) -> None:
    as_png(path, np.kron(pixels, np.ones((2, 2), dtype=np.uint8)))
