"""What a placing run draws for its report: strips at training, and the grounds of a few images of the set."""

from __future__ import annotations

import base64
import io
from pathlib import Path

import numpy as np
from PIL import Image

from flawforge.reports.page import report
from flawforge.reports.pictures import Picture
from flawforge.reports.run.examples import placed_examples
from flawforge.runs.folder import Run
from flawforge.runs.generator.curation import curate
from flawforge.studies.synthesis import generate
from flawforge.training.placing.strips import GAP, SIDE, STRENGTHS
from flawforge.training.train import train


def seen(picture: Picture) -> np.ndarray:
    data = base64.b64decode(picture.uri.partition(",")[2])
    return np.asarray(Image.open(io.BytesIO(data)))[..., 3] > 0


def cells(sheet: np.ndarray, row: int) -> list[np.ndarray]:
    top, step = row * (SIDE + GAP), SIDE + GAP
    return [sheet[top : top + SIDE, step * n : step * n + SIDE].astype(float) for n in range(len(STRENGTHS))]


def test_strips_show_one_defect_ever_stronger_and_at_several_places(photos: Path, tmp_path: Path) -> None:
    run = train(photos, tmp_path / "strips", "copy-paste", previews=1)
    picture = Image.open(run.previews / "strengths.png")
    sheet, opaque = np.asarray(picture.convert("L")), np.asarray(picture.getchannel("A"))
    assert {int(opaque[0, 0]), int(opaque[0, SIDE]), int(opaque[-1, 0])} == {255, 0}  # nothing beside images, as a page
    strips, places = cells(sheet, 0), cells(sheet, 1)
    assert sheet.shape == (2 * SIDE + GAP, len(STRENGTHS) * (SIDE + GAP) - GAP)
    half, middle, whole, strong = strips
    assert np.abs(middle - half).max() > 8  # a pit of 60 gray levels is 15 deeper from one to the next
    assert np.abs(middle - half)[0].max() <= 1  # the ground is the same
    assert strong.min() < whole.min() - 10 < middle.min() < half.min()
    assert len({place.tobytes() for place in places}) == len(STRENGTHS)


def test_the_report_shows_images_of_the_set_beside_their_grounds(run: Run, photos: Path) -> None:
    made = generate(run, 9)
    shown = placed_examples(run)
    assert [one.ground is not None for one in shown] == [True] * 4
    assert {one.file for one in shown} <= {entry.file for entry in made.entries()}
    kept = sorted((run.previews / "grounds").iterdir())
    grounds = {entry.ground_sha256: entry.ground for entry in made.entries()}
    assert np.array_equal(np.asarray(Image.open(kept[0])), np.asarray(Image.open(photos / grounds[kept[0].stem])))
    curate(run.path, reject=[shown[0].file])
    assert shown[0].file not in {one.file for one in placed_examples(run)}


def test_a_set_whose_grounds_were_not_kept_is_shown_without(run: Run) -> None:
    generate(run, 2)
    for file in (run.previews / "grounds").iterdir():
        file.unlink()
    assert [one.ground for one in placed_examples(run)] == [None, None]


def test_grounds_of_a_set_elsewhere_are_not_kept(run: Run, tmp_path: Path) -> None:
    generate(run, 2, out=tmp_path / "elsewhere")
    assert not (run.previews / "grounds").exists()
    assert placed_examples(run) == []


def test_boxes_and_outline_lie_about_what_is_marked(run: Run) -> None:
    made = {entry.file: entry for entry in generate(run, 2).entries()}
    for one in placed_examples(run):
        entry = made[one.file]
        _, left, top, right, bottom, _ = entry.boxes[0]
        box = one.boxes[0]
        assert np.allclose(box, (100 * left / 72, 100 * top / 60, 100 * (right - left) / 72, 100 * (bottom - top) / 60))
        assert one.strength == entry.placed["strength"]
        marked = np.asarray(Image.open(run.synthetic / entry.mask)) > 0
        assert np.array_equal(seen(one.tint), marked)
        assert not (seen(one.outline) & marked).any()
        assert seen(one.outline)[top - 1 : bottom + 1, left - 1 : right + 1].any(1).all()


def test_the_page_has_a_switch_for_each_layer_and_the_strips(photos: Path, tmp_path: Path) -> None:
    run = train(photos, tmp_path / "shown", "procedural", previews=1, pattern="spot", label="mark")
    generate(run, 2)
    page = report(run).read_text()
    for name, layer in (("outlines", ".outline"), ("tints", ".tint"), ("boxes", "span")):
        assert f'<input type="checkbox" class="{name}"' in page
        assert f".switch:has(.{name}:checked) + .examples {layer}" in page
    assert page.count('<img class="outline"') == 2
    assert "Two rows for each class (mark)" in page
