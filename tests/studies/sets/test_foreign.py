"""Images from other tools: what is measured and levelled, and which of the real images count as what."""

from __future__ import annotations

import json
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from flawforge.core.errors import DataNotFoundError, DataUnusableError, SettingError
from flawforge.core.progress import SILENT
from flawforge.data import decode
from flawforge.data.reading.load import load
from flawforge.runs.records import Levelling
from flawforge.runs.set_files import ManifestEntry
from flawforge.studies.sets.foreign import open_foreign
from flawforge.studies.sets.foreseen import Foreseen
from flawforge.studies.sets.level_plan import held_structure, plan_levels
from foreign_sets import WAYS, as_jpeg, as_png, folder, surface

pytestmark = pytest.mark.usefixtures("own_groups")


def opened(real: Any, made: Any, train: Any = None, held: Any = None, memory: float = 1e9) -> Any:
    with ExitStack() as keep:
        return open_foreign(real, made, train, held, memory, keep, SILENT, structures=True)


def done(levelling: Levelling) -> dict[str, str]:
    return {one.what: one.done for one in levelling.differences if one.done}


EXPECTED = {
    "flat JPEG": {"file format": "all encoded as JPEG of quality 70"},
    "RGB for gray": {"colour": "all taken as gray"},
    "upscaled": {"size": "all brought to 32x32", "finest structure": "all reduced to 32x32"},
    "bordered": {"size": "all brought to 64x64", "border": "cut off"},
    "16 bits": {"depth": "all taken with 8 bits"},
}


@pytest.mark.parametrize("way", WAYS)
def test_each_difference_of_files_is_measured_and_levelled(tmp_path: Path, way: str) -> None:
    real, made = folder(tmp_path / "real", range(20)), folder(tmp_path / "made", range(100, 120), WAYS[way])
    found, generated, levelling = opened(real, made)
    assert done(levelling) == EXPECTED[way]
    assert levelling.coarser == ("generated" if way == "upscaled" else "")
    assert generated.images.levelled.shape == (20, *levelling.resolution)
    assert found.data.levelled.dtype == generated.images.levelled.dtype == np.uint8


def test_a_weaker_finest_structure_that_is_not_levelled_is_said(tmp_path: Path) -> None:
    """Photos enlarged to twice their size came out as too smooth, and nobody was told that enlarging does it."""

    def twice(path: Path, pixels: np.ndarray) -> None:
        as_png(path, np.asarray(Image.fromarray(pixels).resize((128, 128), Image.Resampling.BICUBIC)))

    real, made = folder(tmp_path / "real", range(20)), folder(tmp_path / "made", range(100, 120), twice)
    for sides, name in (((real, made), "generated"), ((made, real), "real")):
        levelling = opened(*sides)[2]
        assert (levelling.resolution, levelling.coarser) == ((64, 64), "")
        assert f"The finest structure of the {name} images is " in levelling.steps[0]
        assert "Enlarging or compressing files does that" in levelling.steps[0]


@pytest.mark.parametrize(
    ("late", "everywhere", "share"),
    [
        (0.0, 9.5, 1.0),  # another mix of classes: over all frequencies
        (3.0, 0.0, 1.0),
        (4.5, 0.0, 0.83),  # an enlarging kernel: in the last ones
        (6.0, -5.0, 0.98),  # sharper before, so that hardly anything is lacking in the finest
        (0.0, 12.0, 0.3),
    ],
)
def test_what_falls_in_the_last_frequencies_is_levelled_before_what_falls_in_all(
    late: float, everywhere: float, share: float
) -> None:
    """Enlarged photos lacked 6 dB, and so do honest classes: the depth alone cannot tell them apart."""
    rings = np.linspace(0.01, 0.5, 64)
    more = -late * np.clip((2 * rings - 0.7) / 0.3, 0, 1) - everywhere * 2 * rings
    found, lacks = held_structure(more, rings)
    assert found == pytest.approx(share, abs=0.03)
    assert lacks == pytest.approx(max(0.0, late + everywhere * 0.87), abs=0.2)


def test_an_enlarged_set_is_reduced_to_what_it_holds(tmp_path: Path) -> None:
    """Slightly enlarged photos, which lack 6 dB, came out as too smooth."""

    def drawn(path: Path, pixels: np.ndarray) -> None:
        as_png(
            path,
            np.clip(128 + 40 * np.random.default_rng(int(path.name)).standard_normal((64, 64)), 0, 255).astype(
                np.uint8
            ),
        )

    def enlarged(path: Path, pixels: np.ndarray) -> None:
        noise = np.random.default_rng(int(path.name)).standard_normal((56, 56))
        small = Image.fromarray(np.clip(128 + 40 * noise, 0, 255).astype(np.uint8))
        as_png(path, np.asarray(small.resize((64, 64), Image.Resampling.BICUBIC)))

    real, made = folder(tmp_path / "real", range(12), drawn), folder(tmp_path / "made", range(100, 112), enlarged)
    _, _, levelling = opened(real, made)
    assert (levelling.coarser, levelling.steps) == ("generated", [])
    assert levelling.resolution[0] < 0.85 * 64


def test_a_set_of_ours_in_which_a_person_chose_is_known_beside_folders_too(tmp_path: Path) -> None:
    real, made = folder(tmp_path / "real", range(20)), folder(tmp_path / "made", range(100, 112))
    files = [*(path.name for path in sorted(made.glob("*.png"))), "gone.png"]
    lines = [ManifestEntry(file, "made", 0, index, "", "", 64, 64, "L").line() for index, file in enumerate(files)]
    (made / "manifest.jsonl").write_text("".join(lines))
    facts = {"format": 1, "n": 13, "classes": {"made": 13}, "complete": True, "white": 255, "command": "..."}
    (made / "set.json").write_text(json.dumps(facts))
    generated = opened(real, made)[1]
    assert (len(generated), str(generated.by_hand)) == (12, "1 of 13 images was removed")
    assert "Chosen by hand: 1 of 13 images was removed." in generated.notes[0]


def test_lossy_webp_stays_and_is_said(tmp_path: Path) -> None:
    """Its strength stands in no file, so that it cannot be levelled as JPEG's can."""
    real = folder(tmp_path / "real", range(14))
    for kind, said in (({"quality": 40}, True), ({"lossless": True}, False)):
        made = tmp_path / str(said)
        made.mkdir()
        for index in range(12):
            Image.fromarray(surface(100 + index)).save(made / f"{index}.webp", **kind)
        levelling = opened(real, made)[2]
        text = "The generated images are lossy WebP, and its traces cannot be levelled"
        assert any(text in step for step in levelling.steps) == said
        assert any(one.generated == "WEBP, lossy" for one in levelling.differences) == said


def test_files_of_one_kind_leave_nothing_to_level(tmp_path: Path) -> None:
    real, made = folder(tmp_path / "real", range(20)), folder(tmp_path / "made", range(100, 120))
    found, generated, levelling = opened(real, made)
    assert done(levelling) == {}
    assert (found.data.read(3) == surface(3)).all()
    assert (generated.decoded(next(generated.entries()), 8) == surface(100)).all()


@pytest.mark.parametrize(("change", "cut"), [("stretched", False), ("cut", True)])
def test_other_proportions_are_told_apart_by_what_made_them(tmp_path: Path, change: str, cut: bool) -> None:
    from PIL import Image

    def wide(seed: int) -> np.ndarray:
        return surface(seed, 96)[:64]

    def changed(path: Path, pixels: np.ndarray) -> None:
        square = Image.fromarray(pixels).resize((64, 64)) if change == "stretched" else pixels[:, 16:80]
        as_png(path, np.asarray(square))

    for seed in range(24):
        as_png(folder(tmp_path / "real", range(0)) / f"{seed}", wide(seed))
        changed(folder(tmp_path / "made", range(0)) / f"{seed}", wide(100 + seed))
    own, _, levelling = plan_levels(load(tmp_path / "real"), load(tmp_path / "made"), SILENT)
    assert (own.shape == 1.0) is cut
    assert levelling.resolution == ((64, 64) if cut else (43, 64))
    assert ("real ones cut" in done(levelling)["proportions"]) is cut


def test_what_was_trained_on_and_what_was_not(tmp_path: Path) -> None:
    real = folder(tmp_path / "real", range(20))
    train, held = folder(tmp_path / "train", range(8)), folder(tmp_path / "held", range(15, 30))
    made = folder(tmp_path / "made", range(100, 105))
    unknown, *_ = opened(real, made)
    assert (unknown.against, len(unknown.training), len(unknown.rows)) == ("unknown", 20, 0)
    assert "was not said" in unknown.notes[0]
    assert "--train DIR" in unknown.notes[0]
    some, *_ = opened(real, made, train)
    assert (some.against, len(some.training), len(some.rows)) == ("held-out", 8, 12)
    others, *_ = opened(real, made, None, held)
    assert (others.against, len(others.training), len(others.rows)) == ("given", 15, 15)
    both, *_ = opened(real, made, train, held)
    assert (both.against, len(both.training), len(both.rows)) == ("given", 8, 15)
    with pytest.raises(DataUnusableError, match="holds 1 of the 8 images of --train"):
        opened(real, made, train, folder(tmp_path / "leaky", range(7, 12)))
    with pytest.raises(DataUnusableError, match="holds all real images, so none is left that the generator may have"):
        opened(real, made, None, real)
    with pytest.raises(DataUnusableError, match=r"holds 5 of the images of --synthetic .*the generator has seen them"):
        opened(real, made, None, made)
    alike, *_ = opened(real, made, real)
    assert alike.against == "training"
    assert "all real images were trained on" in alike.notes[1]


def test_one_folder_in_the_other_is_taken_apart(tmp_path: Path) -> None:
    folder(tmp_path / "all" / "real", range(12))
    made = folder(tmp_path / "all" / "made", range(100, 106))
    found, generated, _ = opened(tmp_path / "all", made)
    assert (len(found.training), len(generated)) == (12, 6)
    assert f"{made} lies in {tmp_path / 'all'}; its 6 images were not taken for real ones." in found.notes
    with pytest.raises(DataUnusableError, match="is the folder of the real images"):
        opened(made, made)
    with pytest.raises(DataNotFoundError, match=r"there is no folder .*--synthetic is a folder of images\.$"):
        opened(made, tmp_path / "none")


def test_arrays_are_read_as_files_are(tmp_path: Path) -> None:
    real, made = np.stack([surface(seed) for seed in range(12)]), np.stack([surface(seed) for seed in range(100, 104)])
    found, generated, _ = opened(real, {"scratch": made, "sta/in": np.stack([made[:2]] * 3, axis=-1)})
    assert (found.data.levelled == real).all()
    assert list(generated.facts["classes"].values()) == [4, 2]
    assert next(iter(generated.facts["classes"])) == "scratch"
    listed = opened(list(real), [made[0], made[1, :40], np.stack([made[2]] * 3, axis=-1)])[1]
    assert {sample.height for sample in listed.images.samples} == {64, 40}
    for wrong in (
        *(real.astype(np.float32), real[0], np.zeros((0, 4, 4), np.uint8), real[..., None], ["a.png"]),
        *(None, 5, np.uint8(5), [], {}, {"a": []}, [made[0], made[0, 0]], np.zeros((2, 0, 4), np.uint8)),
        *([[[1, 2], [3]]], {"a": {"b": made[0]}}, {1: made[0]}.values()),
    ):
        with pytest.raises(SettingError, match="--synthetic holds (no images|an array of .*|.* in a .*); allowed: im"):
            opened(real, wrong)
    with pytest.raises(SettingError, match="holds one image in colour"):
        opened(real, np.stack([made[0]] * 3, axis=-1))
    other_order = opened(list(real), {"a": [one.astype(">u2") for one in made]})[1]
    assert {sample.format.mode for sample in other_order.images.samples} == {"I;16"}


def test_more_images_than_memory_holds_wait_in_a_file(tmp_path: Path) -> None:
    real, made = folder(tmp_path / "real", range(12), as_jpeg), folder(tmp_path / "made", range(100, 112))
    large, small = opened(real, made), opened(real, made, memory=1000)
    assert isinstance(small[1].images.levelled, np.memmap)
    assert (small[1].images.levelled == large[1].images.levelled).all()


def test_a_damaged_image_is_counted_and_the_rest_judged(tmp_path: Path) -> None:
    real, made = folder(tmp_path / "real", range(12)), folder(tmp_path / "made", range(100, 106))
    (made / "00100.png").write_bytes(b"no image")
    found, generated, _ = opened(real, made)
    assert len(generated) == 5
    assert found.notes[0].startswith("1 file of the generated images was passed over (such as 00100.png: is ")


@pytest.mark.parametrize("below", ["old", "old/rejected"])
def test_images_that_lie_apart_from_the_others_are_judged_too(tmp_path: Path, below: str) -> None:
    """A copy in a subfolder of a flat folder was passed over, and so were all images beside one folder with as many."""
    real, made = folder(tmp_path / "real", range(12)), folder(tmp_path / "made", range(100, 106))
    folder(made / below, range(3))
    _, generated, _ = opened(real, made)
    assert sorted(entry.file for entry in generated.entries()) == [
        *(f"{seed:05d}.png" for seed in range(100, 106)),
        *(f"{below}/{seed:05d}.png" for seed in range(3)),
    ]
    assert len(load(made)) == 6


def test_what_lies_within_a_border_is_not_enlarged(tmp_path: Path) -> None:
    """Transparent rows were cut off, and what was left was stretched to the whole: too smooth for real images."""

    def clear(path: Path, pixels: np.ndarray) -> None:
        alpha = np.full((*pixels.shape, 1), 255, np.uint8)
        alpha[:8] = 0
        Image.fromarray(np.concatenate([np.stack([pixels] * 3, axis=-1), alpha], axis=-1)).save(f"{path}.png")

    real, made = folder(tmp_path / "real", range(12)), folder(tmp_path / "made", range(100, 112), clear)
    found, _, levelling = opened(real, made)
    assert (levelling.resolution[0], done(levelling)["border"]) == (56, "cut off")
    assert found.notes[0] == (
        "Of the generated images, 12 images are stored with transparency: transparent pixels are read as black."
    )


def test_what_lies_within_a_wide_border_tells_how_proportions_came_about(tmp_path: Path) -> None:
    """The border was looked at too, and real images were not cut to what is left beside it, but stretched."""

    def framed(path: Path, pixels: np.ndarray) -> None:
        as_png(path, np.concatenate([np.zeros((16, 64), np.uint8), pixels[16:]]))

    real, made = folder(tmp_path / "real", range(24)), folder(tmp_path / "made", range(100, 124), framed)
    levelling = opened(real, made)[2]
    assert done(levelling)["proportions"] == "real ones cut to the generated ones'"
    assert (levelling.resolution, levelling.coarser) == ((48, 64), "")


def test_an_encoding_is_not_done_again_at_a_worse_quality(tmp_path: Path) -> None:
    """All passed 92 at most: of files of 95, encoded twice, drawn surfaces were told from others, encoded once."""

    def best(path: Path, pixels: np.ndarray) -> None:
        Image.fromarray(pixels).save(path.with_suffix(".jpg"), quality=95)

    levelling = opened(folder(tmp_path / "real", range(12)), folder(tmp_path / "made", range(100, 112), best))[2]
    assert done(levelling)["file format"] == "all encoded as JPEG of quality 95"


def test_of_few_images_no_structure_is_measured(tmp_path: Path) -> None:
    """One image was said to lack structure, which it did by chance."""

    def smooth(path: Path, pixels: np.ndarray) -> None:
        as_png(path, np.asarray(Image.fromarray(pixels).resize((16, 16)).resize((64, 64))))

    real = folder(tmp_path / "real", range(12))
    for count in (11, 12):
        levelling = opened(real, folder(tmp_path / f"made {count}", range(100, 100 + count), smooth))[2]
        assert (levelling.coarser, levelling.steps) == ("" if count < 12 else "generated", [])


def test_blank_images_say_nothing_of_the_structure_of_the_others(tmp_path: Path) -> None:
    """Beside blank images real ones were said to have lost their finer structure."""

    def blank(path: Path, pixels: np.ndarray) -> None:
        as_png(path, np.full_like(pixels, 128))

    levelling = opened(folder(tmp_path / "real", range(12)), folder(tmp_path / "made", range(100, 112), blank))[2]
    assert (levelling.coarser, levelling.resolution, levelling.steps) == ("", (64, 64), [])


def test_images_that_are_smaller_than_the_others_are_said_to_be_enlarged(tmp_path: Path) -> None:
    """Half of the images were enlarged to the size of the others, and the set was said to be too smooth."""

    def of_sizes(path: Path, pixels: np.ndarray) -> None:
        side = 40 if int(path.name) % 3 == 0 else 64
        as_png(path, np.asarray(Image.fromarray(pixels).resize((side, side))))

    real, made = folder(tmp_path / "real", range(15)), folder(tmp_path / "made", range(102, 117), of_sizes)
    said = "5 of the 15 generated images are smaller, and were enlarged to 64x64 pixels, the size of the others"
    assert opened(real, made)[2].steps[0].startswith(said)
    assert opened(made, real)[2].steps[0].startswith(said.replace("generated", "real"))


def test_images_that_are_only_reduced_are_decoded_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FLAWFORGE_CACHE_MB", "0")
    real, made = folder(tmp_path / "real", range(6), larger), folder(tmp_path / "made", range(100, 109), larger)
    decodings: list[Path] = []
    own = decode._open
    monkeypatch.setattr(decode, "_open", lambda path: decodings.append(path) or own(path))
    _, foreseen, _ = opened(real, made)
    assert len(decodings) == 15 + 9  # once to examine them, and generated ones to measure borders on some: here all
    monkeypatch.setattr(Foreseen, "see", lambda *_: None)
    _, decoded, _ = opened(real, made)
    assert len(decodings) == 2 * 15 + 9 + 2 * 9
    assert (foreseen.images.levelled == decoded.images.levelled).all()


def test_a_second_call_decodes_nothing_and_levels_alike(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FLAWFORGE_CACHE", str(tmp_path / "cache"))
    real, made = folder(tmp_path / "real", range(6), as_jpeg), folder(tmp_path / "made", range(100, 109), larger)
    real_first, made_first, first = opened(real, made)
    monkeypatch.setattr(decode, "_open", lambda path: pytest.fail(f"{path} is decoded again"))
    real_again, made_again, again = opened(real, made)
    assert again == first
    assert (made_again.images.levelled == made_first.images.levelled).all()
    assert (real_again.data.read(3) == real_first.data.read(3)).all()


def test_what_is_foreseen_wrongly_is_decoded_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """JPEG on one side: all pass its encoding before they are reduced."""
    monkeypatch.setenv("FLAWFORGE_CACHE_MB", "0")
    real, made = folder(tmp_path / "real", range(4), as_jpeg), folder(tmp_path / "made", range(100, 106))
    _, foreseen, levelling = opened(real, made)
    assert levelling.quality is not None
    monkeypatch.setattr(Foreseen, "see", lambda *_: None)
    assert (opened(real, made)[1].images.levelled == foreseen.images.levelled).all()


def larger(path: Path, pixels: np.ndarray) -> None:
    as_png(path, surface(int(pixels.sum()), 192))
