"""Placed sets: what of an image is the ground's, what the manifest says, and what is refused."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from flawforge.core.errors import DataUnusableError, RunExistsError, SettingError
from flawforge.data.reading.load import load
from flawforge.data.sample import Mark
from flawforge.reports.page import report
from flawforge.runs.checkpoint import require_checkpoint
from flawforge.runs.folder import Run
from flawforge.runs.set_files import MANIFEST, read_entries
from flawforge.studies.copies import audit
from flawforge.studies.export import export
from flawforge.studies.sets import SyntheticSet
from flawforge.studies.synthesis import generate, place
from flawforge.training.train import train
from heard import Heard


def plane(made: SyntheticSet, file: str) -> np.ndarray:
    return np.asarray(Image.open(made.folder / file))


@pytest.mark.parametrize("blending", ["relit", "feathered", "seamless"])
def test_outside_the_support_every_pixel_is_the_grounds(photos: Path, tmp_path: Path, blending: str) -> None:
    run = train(photos, tmp_path / "run", "copy-paste", previews=0, blending=blending)
    made = generate(run, 6)
    for entry in made.entries():
        ground, shown = np.asarray(Image.open(photos / entry.ground)), made.read(entry)
        mask, support = plane(made, entry.mask) > 0, plane(made, entry.support) > 0
        assert entry.ground.startswith("good/")
        assert entry.sources[0].startswith("pit/")
        assert np.array_equal(shown[~support], ground[~support])
        assert not np.array_equal(shown[mask], ground[mask])
        assert mask.any()
        assert not (mask & ~support).any()
        boxes = np.zeros_like(mask)
        for _, left, top, right, bottom, cut in entry.boxes:
            assert not cut
            boxes[top:bottom, left:right] = True
        assert not (mask & ~boxes).any()
        assert entry.placed["blending"] == blending
        changed = np.abs(shown.astype(int) - ground)
        assert entry.placed["inside"] == pytest.approx(changed[mask].sum() / changed.sum(), abs=0.02)
        assert 0.7 <= entry.placed["strength"] <= 1.4
        ground_light = np.median(ground)  # the drawn grounds are even
        assert entry.placed["contrast"] == pytest.approx(np.abs(shown[mask] - ground_light).mean(), rel=0.2)
        assert entry.placed["ground_contrast"] < entry.placed["contrast"] / 2
        assert entry.placed["shift"] == pytest.approx((shown[mask] - ground[mask].astype(int)).mean(), abs=0.6)


def test_image_i_is_what_it_is_whatever_else_is_made(run: Run) -> None:
    few = {entry.file: entry.sha256 for entry in generate(run, 3).entries()}
    more = {entry.file: entry.sha256 for entry in generate(run, 20).entries()}
    other = {entry.file: entry.sha256 for entry in generate(run, 3, seed=1, out=run.path / "other").entries()}
    assert few.items() <= more.items()
    assert not set(few.values()) & set(other.values())


def test_a_mask_says_outline_and_place_and_its_name_the_ground(run: Run, photos: Path, tmp_path: Path) -> None:
    mask = np.zeros((60, 72), np.uint8)
    mask[20:31, 30:47] = 255
    (tmp_path / "masks").mkdir()
    Image.fromarray(mask).save(tmp_path / "masks" / "good2_mask.png")
    made = generate(run, 4, masks=tmp_path / "masks", strength=0.8)
    for entry in made.entries():
        assert np.array_equal(plane(made, entry.mask) > 0, mask > 0)
        assert entry.ground == "good/good2.png"
        assert entry.placed["strength"] == 0.8
    with pytest.raises(RunExistsError, match="placing"):
        generate(run, 4, strength=0.9)


def test_a_mask_belongs_to_the_ground_of_its_name_and_folder_and_to_no_other(run: Run, tmp_path: Path) -> None:
    rng = np.random.default_rng(7)
    for line, size in (("a", (50, 60)), ("b", (50, 60)), ("c", (40, 60))):
        (tmp_path / "more" / line).mkdir(parents=True)
        pixels = rng.normal(120, 5, size).clip(0, 255).astype(np.uint8)
        Image.fromarray(pixels).save(tmp_path / "more" / line / ("1.png" if line != "c" else "2.png"))
    mask = np.zeros((50, 60), np.uint8)
    mask[10:20, 30:40] = 255
    (tmp_path / "masks" / "b").mkdir(parents=True)
    Image.fromarray(mask).save(tmp_path / "masks" / "b" / "1_mask.png")
    asked = {"grounds": tmp_path / "more", "masks": tmp_path / "masks", "overwrite": True}
    assert {entry.ground for entry in generate(run, 4, **asked).entries()} == {"b/1.png"}
    Image.fromarray(mask).save(tmp_path / "masks" / "2_mask.png")
    with pytest.raises(
        DataUnusableError, match=r"1 of 2 have another size .* \(such as 2, 60x50; c/2\.png has 60x40\)"
    ):
        generate(run, 4, **asked)
    with pytest.raises(DataUnusableError, match="--region has 60x50 pixels, and no ground for class 'pit'"):
        generate(run, 4, region=tmp_path / "masks" / "2_mask.png", overwrite=True)


def test_drawn_defects_lie_in_the_region(run: Run, tmp_path: Path) -> None:
    region = np.zeros((60, 72), np.uint8)
    region[30:, 36:] = 255
    Image.fromarray(region).save(tmp_path / "region.png")
    made = generate(run, 6, region=tmp_path / "region.png")
    for entry in made.entries():
        assert not (plane(made, entry.support) > 0)[region == 0].any()


def test_masks_beside_the_region_are_named(run: Run, tmp_path: Path) -> None:
    region, beside = np.zeros((60, 72), np.uint8), np.zeros((60, 72), np.uint8)
    region[30:, 36:] = beside[20:40, 40:50] = 255
    (tmp_path / "masks").mkdir()
    Image.fromarray(region).save(tmp_path / "region.png")
    Image.fromarray(beside).save(tmp_path / "masks" / "across.png")
    Image.fromarray(beside & region).save(tmp_path / "masks" / "inside.png")
    asked = {"masks": tmp_path / "masks", "region": tmp_path / "region.png"}
    with pytest.raises(DataUnusableError, match=r"1 of 2 masks reach out of --region .* \(such as across\)"):
        generate(run, 2, **asked)
    (tmp_path / "masks" / "across.png").unlink()
    Image.fromarray(np.pad(region, 4)).save(tmp_path / "region.png")
    with pytest.raises(DataUnusableError, match=r"1 of 1 masks have another size than --region .* \(such as inside\)"):
        generate(run, 2, **asked)
    Image.fromarray(region).save(tmp_path / "region.png")
    made = generate(run, 2, **asked)
    for entry in made.entries():
        assert np.array_equal(plane(made, entry.mask) > 0, (beside & region) > 0)


@pytest.mark.parametrize(
    ("pixels", "fault"),
    [
        (np.zeros((60, 72)), "is empty"),
        (np.pad(np.zeros((4, 4)), ((28, 28), (34, 34)), constant_values=255), "marks 99.6% of its image"),
        (np.pad(np.zeros((24, 72)), ((0, 36), (0, 0)), constant_values=255), "inverted"),  # 60% of it
        (np.pad(np.full((4, 4), 255), 10), "size of no ground"),
    ],
)
def test_bad_masks_are_named(run: Run, tmp_path: Path, pixels: np.ndarray, fault: str) -> None:
    (tmp_path / "masks").mkdir()
    Image.fromarray(pixels.astype(np.uint8)).save(tmp_path / "masks" / "odd.png")
    with pytest.raises(DataUnusableError, match=fault) as error:
        generate(run, 2, masks=tmp_path / "masks")
    assert "odd" in str(error.value)


def test_grounds_of_the_user_are_taken_and_held_out_or_marked_ones_refused(photos: Path, tmp_path: Path) -> None:
    rng = np.random.default_rng(5)
    (tmp_path / "more").mkdir()
    Image.fromarray(rng.normal(90, 5, (50, 90)).clip(0, 255).astype(np.uint8)).save(tmp_path / "more" / "new.png")
    run = train(photos, tmp_path / "run", "copy-paste", shots=2, previews=0)
    made = generate(run, 2, grounds=tmp_path / "more")
    assert {entry.ground for entry in made.entries()} == {"new.png"}
    used = {sample.sha256 for sample in load(photos).select(None, 2).samples}
    left = next(s for s in load(photos).samples if s.label == "good" and s.sha256 not in used)
    shutil.copy(photos / left.file, tmp_path / "more" / "held.png")
    with pytest.raises(DataUnusableError, match=r"held out.*held\.png"):
        generate(run, 2, grounds=tmp_path / "more", overwrite=True)
    with pytest.raises(DataUnusableError, match="a defect is marked on 4 of 8"):
        generate(run, 2, grounds=photos, overwrite=True)
    pit = next(sample for sample in load(photos).samples if sample.label == "pit")
    (tmp_path / "unmarked").mkdir()
    shutil.copy(photos / pit.file, tmp_path / "unmarked")
    with pytest.raises(DataUnusableError, match=r"1 of 1 images .* show a defect"):
        generate(run, 2, grounds=tmp_path / "unmarked", overwrite=True)
    for folder in ("pit", "good"):  # a new image of a defect, which nothing but its folder says
        (tmp_path / "classes" / folder).mkdir(parents=True)
        drawn = rng.normal(90, 5, (50, 90)).clip(0, 255).astype(np.uint8)
        Image.fromarray(drawn).save(tmp_path / "classes" / folder / "new.png")
    with pytest.raises(DataUnusableError, match=r"1 of 2 images \(such as pit/new\.png\) are of another class"):
        generate(run, 2, grounds=tmp_path / "classes", overwrite=True)


def test_a_class_that_is_only_a_ground_is_refused_as_such(run: Run) -> None:
    with pytest.raises(SettingError, match="makes no images of this class. It makes: pit"):
        generate(run, 2, classes=["good"])


def test_an_export_refuses_a_ground_that_is_held_out_and_has_the_masks(photos: Path, tmp_path: Path) -> None:
    every = train(photos, tmp_path / "all", "copy-paste", previews=0)
    few = train(photos, tmp_path / "few", "copy-paste", shots=2, previews=0)
    made = generate(every, 8)
    export(every, tmp_path / "coco", "coco")
    files = [file for file in (tmp_path / "coco").rglob("*.json") if '"annotations"' in file.read_text()]
    told = json.loads(files[0].read_text())
    areas = sum(int((plane(made, entry.mask) > 0).sum()) for entry in made.entries())
    assert sum(mark["area"] for mark in told["annotations"]) == areas
    with pytest.raises(DataUnusableError, match="show a held-out image beside their defect"):
        export(few, tmp_path / "refused", "coco", synthetic=made.folder)
    assert not any(entry.ground_sha256 in _held(few, photos) for entry in generate(few, 8).entries())


def _held(run: Run, photos: Path) -> set[str]:
    whole = load(photos)
    return {s.sha256 for s in whole.samples} - {s.sha256 for s in whole.select(None, 2).samples}


@pytest.mark.usefixtures("quick_audit")
def test_an_audit_does_not_count_what_is_declared_and_finds_what_is_not(run: Run) -> None:
    made = generate(run, 8)
    every = list(read_entries(made.folder))
    bare = [replace(entry, sources=(), ground="", ground_sha256="") for entry in every[:3]]
    (made.folder / MANIFEST).write_text("".join(entry.line() for entry in [*bare, *every[3:]]))
    record = audit(run)
    assert record.composed == 5
    assert record.copying is not None
    assert record.copying.found == 3
    assert record.defects is not None
    assert len(record.defects.generated) == 8
    assert "Copied defects" in record.sentence
    assert "<h3>Copied defects</h3>" in report(run).read_text()


def test_without_good_images_defects_go_beside_those_of_the_same_class(photos: Path, tmp_path: Path) -> None:
    shutil.rmtree(photos / "good")
    run = train(photos, tmp_path / "run", "copy-paste", previews=0)
    made = generate(run, 6)
    for entry in made.entries():
        own = np.asarray(Image.open(photos / "masks" / entry.ground)) > 0
        mask, support = plane(made, entry.mask) > 0, plane(made, entry.support) > 0
        assert entry.ground != entry.sources[0]
        assert (mask & own).sum() == own.sum()
        assert not (support & own).any()
        assert len(entry.boxes) == 2


def test_procedural_needs_good_images_alone_and_the_class_name_is_the_users(
    photos: Path, trained: Callable[..., Run]
) -> None:
    shutil.rmtree(photos / "pit")
    shutil.rmtree(photos / "masks")
    made = generate(trained("procedural"), 2)
    assert list(made.facts["classes"]) == ["scratch", "spot", "scar", "texture"]
    named = generate(trained("procedural", "named", label="scuff", pattern="scar"), 3)
    assert {(entry.label, entry.placed["pattern"]) for entry in named.entries()} == {("scuff", "scar")}
    with pytest.raises(DataUnusableError, match="no training image of good has a defect"):
        trained("copy-paste", "none")
    for good in ("good", "MT_Free"):
        with pytest.raises(SettingError, match=f"--label is '{good}', which names images without a defect"):
            trained("procedural", "false", label=good)


def test_colour_on_gray_grounds_is_told(photos: Path, tmp_path: Path) -> None:
    def told(name: str) -> str:
        run = train(photos, tmp_path / name, "copy-paste", previews=0)
        return str(require_checkpoint(run).facts["composition"]["sentence"])

    assert "colour" not in told("gray")
    for path in (photos / "pit").iterdir():
        Image.merge("RGB", [Image.open(path)] * 2 + [Image.new("L", Image.open(path).size, 90)]).save(path)
    assert told("coloured").endswith("Images of pit have colour, and no ground has any: on gray it will stand out.")


def test_a_box_serves_where_there_is_no_mask_and_that_is_said(tmp_path: Path, photos: Path) -> None:
    masked = load(photos)
    corners = {f"pit/pit{n}.png": (11 + 8 * n, 9 + 6 * n, 29 + 8 * n, 24 + 6 * n) for n in range(4)}
    boxed = replace(
        masked,
        samples=tuple(
            replace(one, marks=(Mark(one.label, corners[one.file]),) if one.label == "pit" else ())
            for one in masked.samples
        ),
    )
    heard = Heard()
    run = train(boxed, tmp_path / "run", "copy-paste", previews=0, bend=0, scaling=1, progress=heard)
    assert not any("estimated from their boxes" in told for told in heard.said + heard.warned), "train prints it last"
    sentence = require_checkpoint(run).facts["composition"]["sentence"]
    assert sentence.endswith("The masks of 4 images are estimated from their boxes, not drawn (4 of pit).")
    made = generate(run, 4, data=boxed)
    for entry in made.entries():
        assert (plane(made, entry.mask) > 0).sum() == pytest.approx(9 * 12, rel=0.35), "the pit, not its box of 15 x 18"
        assert entry.placed["outline"] == "estimated from box"
    run.estimated_masks.unlink()  # as runs of earlier versions have it: all of the box
    again = generate(run, 1, data=boxed, out=tmp_path / "whole")
    assert [(plane(again, entry.mask) > 0).sum() for entry in again.entries()] == [15 * 18]
    bare = replace(
        masked.select(["pit"]), samples=tuple(replace(one, marks=()) for one in masked.select(["pit"]).samples)
    )
    with pytest.raises(DataUnusableError, match="by a mask or a box"):
        train(bare, tmp_path / "none", "copy-paste", previews=0)
    assert not (tmp_path / "none").exists()


def test_other_recipes_refuse_what_is_placed(trained: Callable[..., Run]) -> None:
    with pytest.raises(SettingError, match="--strength is for recipes that put defects on grounds"):
        generate(trained("compose"), 2, strength=1.0)


def test_one_defect_from_python(run: Run, photos: Path) -> None:
    ground = np.asarray(Image.open(photos / "good" / "good0.png"))
    mask = np.zeros(ground.shape, bool)
    mask[10:22, 40:55] = True
    made = place(ground, mask, "pit", run)
    assert made.boxes == ((40, 10, 55, 22),)
    assert np.array_equal(made.mask, mask)
    assert np.array_equal(made.pixels[~made.support], ground[~made.support])
    weak, strong = (place(ground, mask, "pit", run, strength=strength) for strength in (0.3, 1.2))
    change = [float(np.abs(one.pixels.astype(int) - ground).sum()) for one in (weak, strong)]
    assert change[1] > 2 * change[0]
    drawn = place(photos / "good" / "good1.png", None, "pit", run, seed=3)
    assert drawn.mask.any()
    with pytest.raises(DataUnusableError, match="mask has 10x10 pixels"):
        place(ground, np.eye(10, dtype=bool), "pit", run)
    with pytest.raises(SettingError, match="makes no class 'pits'"):
        place(ground, mask, "pits", run)
    for other in (ground / 255, ground > 99, np.stack([ground] * 4, -1), ground[:0], ground.tolist()):
        with pytest.raises(DataUnusableError, match=r"the ground is .*; it is an image file, or an array uint8"):
            place(other, mask, "pit", run)
    with pytest.raises(DataUnusableError, match=r"the mask has the shape \(60, 72, 3\)"):
        place(ground, np.stack([mask] * 3, -1), "pit", run)


def test_a_ground_of_16_bits_keeps_its_levels_as_file_and_as_array(run: Run, photos: Path, tmp_path: Path) -> None:
    ground = np.asarray(Image.open(photos / "good" / "good0.png")).astype(np.uint16) * 16  # of a camera of 12 bits
    Image.fromarray(ground).save(tmp_path / "deep.png")
    mask = np.zeros(ground.shape, bool)
    mask[10:22, 40:55] = True
    for made in (place(given, mask, "pit", run, strength=1.0) for given in (ground, tmp_path / "deep.png")):
        assert np.array_equal(made.pixels[~made.support], ground[~made.support])
        assert ground[mask].mean() - made.pixels[mask].mean() > 30 * 16  # real ones are 60 of 255 darker


def test_drawn_defects_that_have_the_name_of_a_real_class_are_told(photos: Path, trained: Callable[..., Run]) -> None:
    def sentence(name: str, **changes: object) -> str:
        return str(require_checkpoint(trained("procedural", name, **changes)).facts["composition"]["sentence"])

    assert "name of a class of yours" not in sentence("plain")
    (photos / "pit").rename(photos / "spot")
    (photos / "masks" / "pit").rename(photos / "masks" / "spot")
    assert "though spot has the name of a class of yours: give --label another" in sentence("named")
    assert "name of a class of yours" not in sentence("labelled", label="drawn")
