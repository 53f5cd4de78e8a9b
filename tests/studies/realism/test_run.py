"""House rule 8 for the score: found where it was planted, not found where there is nothing, leakage told or refused.

Drawn textures: noise of one fineness with scratches, a piece of material per image, 32x32.
"""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from scipy.ndimage import gaussian_filter

from flawforge.core.errors import DataNotFoundError, DataUnusableError, RunNotFoundError, SettingError
from flawforge.data.augmentation.classical import classical
from flawforge.data.dataset import Dataset
from flawforge.runs.folder import Run
from flawforge.runs.judged.maps import FeatureMap
from flawforge.runs.judged.scores import MeasuredQuantity, ScoreRecord
from flawforge.runs.records import load_record
from flawforge.runs.run_settings import Selection
from flawforge.studies.realism.run import score

pytestmark = pytest.mark.usefixtures("own_cache", "own_groups")

SIDE = 32
Draw = Callable[[int], np.ndarray]


def texture(seed: int) -> np.ndarray:
    rng = np.random.default_rng(seed)
    ground = gaussian_filter(rng.standard_normal((SIDE, SIDE)), 1) * rng.uniform(50, 80) + rng.uniform(90, 140)
    ground[:, rng.integers(SIDE - 2) :][:, :2] += 60
    return np.clip(ground, 0, 255).astype(np.uint8)


def write(folder: Path, seeds: range, draw: Draw = texture) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    for seed in seeds:
        Image.fromarray(draw(seed)).save(folder / f"{seed:05d}.png")
    return folder


def plant(run: Run, images: list[np.ndarray], label: str = "lines") -> Run:
    """Put these images into the place of the generated ones."""
    (run.synthetic / label).mkdir(parents=True, exist_ok=True)
    lines = []
    for index, image in enumerate(images):
        file = f"{label}/{label}_{index:06d}.png"
        Image.fromarray(image).save(run.synthetic / file)
        lines.append(
            {
                "file": file,
                "class": label,
                "seed": 0,
                "index": index,
                "checkpoint": "c",
                "sha256": hashlib.sha256((run.synthetic / file).read_bytes()).hexdigest(),
                "width": SIDE,
                "height": SIDE,
                "mode": "L",
            }
        )
    text = "".join(json.dumps(line) + "\n" for line in lines)
    (run.synthetic / "manifest.jsonl").write_text(text)
    facts = {
        "format": 1,
        "n": len(lines),
        "seed": 0,
        "checkpoint": "c",
        "classes": {label: len(lines)},
        "complete": True,
        "white": 255,
        "command": "flawforge generate run",
        "manifest_sha256": hashlib.sha256(text.encode()).hexdigest(),
    }
    (run.synthetic / "set.json").write_text(json.dumps(facts))
    return run


@pytest.fixture
def run(make_run: Any, tmp_path: Path) -> Run:
    """A run on 40 textures."""
    made: Run = make_run(write(tmp_path / "lines", range(40)), resolution=SIDE)
    return made


@pytest.fixture
def held(tmp_path: Path) -> Path:
    return write(tmp_path / "held" / "lines", range(1000, 1080)).parent


def quantity(record: ScoreRecord, name: str) -> MeasuredQuantity:
    return next(one for one in record.quantities if one.name == name)


FAULTS: dict[str, tuple[Draw, set[str], str]] = {
    "blurred": (
        lambda seed: gaussian_filter(texture(seed).astype(float), 1.2).astype(np.uint8),
        {"kid", "fid", "precision", "coverage", "spectrum"},
        "their texture is too smooth",
    ),
    "noised": (
        lambda seed: np.clip(texture(seed) + np.random.default_rng(seed).normal(0, 40, (SIDE, SIDE)), 0, 255).astype(
            np.uint8
        ),
        {"kid", "fid", "coverage", "spectrum"},
        "their texture is too rough",
    ),
    "collapsed": (lambda seed: texture(2000 + seed % 4), {"fid", "recall", "coverage"}, "of the real variation, where"),
    "brighter": (
        lambda seed: np.clip(texture(seed).astype(int) + 35, 0, 255).astype(np.uint8),
        {"kid", "histogram"},
        "they are too bright",
    ),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_planted_fault_is_found_and_named(run: Run, held: Path, fault: str) -> None:
    draw, worse, words = FAULTS[fault]
    plant(run, [draw(seed) for seed in range(3000, 3080)])
    record = score(run, held_out=held)
    assert worse <= {one.name for one in record.quantities if one.outside}
    assert words in record.sentence + "".join(finding.text for finding in record.findings)
    if "kid" in worse:
        assert record.sentence.startswith("The generated images are distinguishable from held-out real ones: ")
    assert (record.against, record.n_reference, record.groups, record.n_used) == ("given", 80, 80, 80)


def test_real_images_in_the_place_of_generated_ones_score_like_real_against_real(run: Run, held: Path) -> None:
    plant(run, [texture(seed) for seed in range(3000, 3080)])
    record = score(run, held_out=held)
    assert record.sentence == (
        "The generated images were not distinguishable from held-out real ones by any measure. Compared: 80 generated "
        "and 80 real images."
    )
    for one in record.quantities:
        assert one.outside is False, one
        assert one.real.low is not None
        assert one.real.high is not None
        assert one.generated.value is not None
        margin = 0.5 * (one.real.high - one.real.low)
        assert one.real.low - margin <= one.generated.value <= one.real.high + margin
    kid = quantity(record, "kid")
    assert kid.generated.low is not None
    assert kid.generated.high is not None
    assert kid.generated.low < 0 < kid.generated.high
    assert record.infinite is not None
    assert record.infinite.bias > 0
    assert not record.infinite.trusted  # 80 images, 112 features


@pytest.mark.nightly
def test_no_difference_is_claimed_where_there_is_none(run: Run, held: Path) -> None:
    """Of 20 repeats at most one."""
    claims = 0
    for repeat in range(20):
        plant(run, [texture(seed) for seed in range(5000 + 100 * repeat, 5060 + 100 * repeat)])
        claims += "are distinguishable" in score(run, held_out=held, seed=repeat, pictures=0).sentence
    assert claims <= 1


def test_training_images_as_generated_ones_are_told(run: Run, held: Path) -> None:
    plant(run, [texture(seed)[:, ::-1] if seed % 2 else texture(seed) for seed in range(40)])
    record = score(run, held_out=held)
    assert record.exact_copies == 40
    assert record.sentence.startswith("40 of 40 generated images are identical to training images, so this score ")


def test_held_out_images_as_generated_ones_are_told(run: Run, held: Path) -> None:
    """A set of held-out images was said to be distinguishable from them by no measure, and nothing else."""
    plant(run, [texture(seed) for seed in [*range(1000, 1016), *range(7000, 7024)]])
    record = score(run, held_out=held, pictures=0)
    assert (record.exact_copies, record.held_out_copies) == (0, 16)
    assert record.sentence.startswith("16 of 40 generated images are identical to held-out images: what made them has")


@pytest.fixture
def few(make_run: Any, tmp_path: Path) -> Run:
    """A run on 5 textures."""
    made: Run = make_run(write(tmp_path / "few" / "lines", range(5)), resolution=SIDE)
    return made


def test_copies_reach_nothing_new_and_other_images_do(few: Run, held: Path) -> None:
    def brighter(seed: int) -> np.ndarray:
        return classical(texture(seed % 5), 255, np.random.default_rng(seed))

    plant(few, [brighter(seed) for seed in range(60)])
    record = score(few, held_out=held, pictures=0)
    (copies,) = record.beyond
    assert (copies.label, copies.n, copies.n_reference, copies.groups, copies.why) == ("lines", 60, 80, 80, "")
    assert copies.above.low is not None
    assert copies.above.low <= 0
    assert copies.kid_ratio == pytest.approx(1, abs=0.2)
    assert "that changed copies of yours do not" not in record.beyond_sentence
    plant(few, [texture(seed) for seed in range(3000, 3060)])
    record = score(few, held_out=held, pictures=0)
    (others,) = record.beyond
    assert others.again == copies.again  # the same copies, drawn from the seed
    assert others.generated.value is not None
    assert others.real.value is not None
    assert others.above.low is not None
    assert others.above.low > 0
    assert others.generated.value == pytest.approx(others.real.value, abs=0.2)
    assert others.kid_ratio is not None
    assert others.kid_ratio < 0.5
    assert " of 100 unseen images that changed copies of yours do not; a second set" in record.beyond_sentence


def test_a_held_out_set_that_holds_training_images_is_refused(run: Run, tmp_path: Path) -> None:
    plant(run, [texture(seed) for seed in range(3000, 3020)])
    leaky = write(tmp_path / "leaky", range(30, 70))
    with pytest.raises(DataUnusableError) as caught:
        score(run, held_out=leaky)
    assert str(caught.value) == (
        f"--held-out {leaky} holds 10 of the 40 training images (for example 00030.png = 00030.png). Compared with "
        f"images that training has seen, copies look good: take them out."
    )


def test_other_pictures_of_the_training_material_are_left_out(
    run: Run, held: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first 20 of the held-out images show the same pieces as training images."""

    def groups(self: Dataset, progress: Any = None) -> np.ndarray:
        numbers = np.array([int(Path(sample.file).stem) for sample in self.samples])
        return np.where((numbers >= 1000) & (numbers < 1020), numbers - 1000, numbers)

    monkeypatch.setattr(Dataset, "groups", groups)
    plant(run, [texture(seed) for seed in range(3000, 3040)])
    record = score(run, held_out=held)
    assert record.n_reference == 60
    assert record.notes[1] == "20 more show the same specimens as training images and are left out."


def test_after_shots_the_unused_images_of_the_class_are_held_out(make_run: Any, tmp_path: Path) -> None:
    from flawforge.data.reading.load import load

    whole = load(write(tmp_path / "lines", range(60)))
    run: Run = make_run(whole.select(None, 20, 0), resolution=SIDE)
    run.save_settings(run.settings.model_copy(update={"selection": Selection(shots=20)}))
    plant(run, [texture(seed) for seed in range(3000, 3040)])
    record = score(run, data=whole)
    assert (record.against, record.n_training, record.n_reference) == ("held-out", 20, 40)
    assert record.notes[0] == "Held-out images: 40 real images of the trained classes that were not used for training."


def test_after_training_on_a_part_by_hand_the_rest_of_its_classes_is_held_out(make_run: Any, tmp_path: Path) -> None:
    from flawforge.data.reading.load import load

    write(tmp_path / "data" / "others", range(100, 110))
    write(tmp_path / "data" / "lines", range(60))
    whole = load(tmp_path / "data")
    part = whole.select(["lines"]).take(range(20))
    run: Run = make_run(part, resolution=SIDE)
    own = [sample.sha256 for sample in part.samples]
    run.save_settings(run.settings.model_copy(update={"selection": Selection(samples=own)}))
    plant(run, [texture(seed) for seed in range(3000, 3030)])
    record = score(run, pictures=0)
    assert (record.against, record.n_training, record.n_reference) == ("held-out", 20, 40)


def test_when_all_were_used_the_training_images_are_the_reference_and_that_is_said(run: Run) -> None:
    plant(run, [texture(seed) for seed in range(3000, 3040)])
    record = score(run)
    assert (record.against, record.n_reference) == ("training", 40)
    assert record.notes[0].startswith("No held-out images: training used all 40 real images.")
    assert (record.beyond, record.beyond_sentence) == ([], "")
    assert record.sentence.endswith("Copies of training images would look good in this comparison.")
    assert all(one.classical.value is not None for one in record.quantities)


def test_when_the_unused_images_show_the_same_material_that_is_said(
    make_run: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of 60 images 30 are trained on, and each of the others shows the same piece as one of these."""
    from flawforge.data.reading.load import load

    def groups(self: Dataset, progress: Any = None) -> np.ndarray:
        return np.array([int(Path(sample.file).stem) % 30 for sample in self.samples])

    whole = load(write(tmp_path / "lines", range(60)))
    monkeypatch.setattr(Dataset, "groups", groups)
    run: Run = make_run(whole.take(range(30)), resolution=SIDE)
    monkeypatch.setattr("flawforge.studies.sets.held_out.training_rows", lambda *_: (whole, list(range(30))))
    plant(run, [texture(seed) for seed in range(3000, 3040)])
    record = score(run, data=whole, pictures=0)
    assert (record.against, record.n_reference) == ("training", 30)
    assert record.notes[0].startswith("No held-out images: the 30 unused images show the same specimens.")


@pytest.mark.parametrize(
    ("real", "made", "why"),
    [
        (
            9,
            40,
            "there are real images of only 9 specimens to compare with, and at least 12 are needed, in 13 "
            "images, so that one half of them can be compared with the other",
        ),
        (12, 40, "there are only 12 real images to compare with, and at least 13 are needed"),
        (40, 5, "there are only 5 generated images, and at least 12 are needed"),
    ],
)
def test_too_few_images_mean_cannot_tell_and_no_number(
    make_run: Any, tmp_path: Path, real: int, made: int, why: str
) -> None:
    run = make_run(write(tmp_path / "lines", range(real)), resolution=SIDE)
    plant(run, [texture(seed) for seed in range(3000, 3000 + made)])
    record = score(run)
    assert (record.why, record.quantities, record.spectra, record.infinite) == (why, [], None, None)
    assert record.sentence == f"Inconclusive: {why}."


def plant_both(run: Run, images: dict[str, list[np.ndarray]]) -> Run:
    """Put images of several classes into the place of the generated ones."""
    text = ""
    for label, own in images.items():
        plant(run, own, label)
        text += (run.synthetic / "manifest.jsonl").read_text()
    facts = json.loads((run.synthetic / "set.json").read_text())
    (run.synthetic / "manifest.jsonl").write_text(text)
    facts |= {
        "n": len(text.splitlines()),
        "classes": {label: len(own) for label, own in images.items()},
        "manifest_sha256": hashlib.sha256(text.encode()).hexdigest(),
    }
    (run.synthetic / "set.json").write_text(json.dumps(facts))
    return run


def test_all_images_of_a_rare_defect_count_where_classes_are_compared_one_by_one(make_run: Any, tmp_path: Path) -> None:
    write(tmp_path / "data" / "crack", range(14))
    write(tmp_path / "data" / "free", range(100, 226), lambda seed: texture(seed) // 2)
    run = make_run(tmp_path / "data", resolution=SIDE)
    blurred, _, _ = FAULTS["blurred"]
    plant_both(
        run,
        {
            "crack": [blurred(seed) for seed in range(3000, 3016)],
            "free": [texture(seed) // 2 for seed in range(4000, 4020)],
        },
    )
    record = score(run, pictures=0)
    assert record.n_used == 21  # 2 cracks and 19 free, as one in ten of the real ones is a crack
    found = {one.label: one for one in record.classes}
    assert (found["crack"].n_generated, found["crack"].why) == (16, "")
    assert (found["free"].n_generated, found["free"].why) == (20, "")
    assert found["crack"].kid.outside is True
    assert record.confusion is not None
    assert sum(record.confusion.rows["crack"]) == 16
    assert "The numbers per class use all of them." in record.notes[-1]


def test_classes_are_compared_one_by_one_and_confused_where_they_are_alike(make_run: Any, tmp_path: Path) -> None:
    def fine(seed: int) -> np.ndarray:
        return np.random.default_rng(seed).integers(60, 180, (SIDE, SIDE)).astype(np.uint8)

    write(tmp_path / "data" / "fine", range(40, 70), fine)
    write(tmp_path / "data" / "lines", range(40))
    run = make_run(tmp_path / "data", resolution=SIDE)
    lines, named = range(3000, 3040), range(4000, 4040)  # those named fine are lines as well
    plant_both(run, {"fine": [texture(seed) for seed in named], "lines": [texture(seed) for seed in lines]})
    record = score(run)
    assert record.n_used == 70  # 40 lines and 30 fine, as in the real set
    found = {one.label: one for one in record.classes}
    assert found["fine"].kid.outside is True
    assert found["lines"].kid.outside is False
    assert record.confusion is not None
    assert record.confusion.columns == ["fine", "lines"]
    assert record.confusion.rows["fine"][1] == 40
    assert record.confusion.real_rows["fine"][0] == 30
    assert found["fine"].kid.classical.value is None


def test_the_record_and_its_pictures_are_kept_and_the_seed_decides(run: Run, held: Path) -> None:
    plant(run, [texture(seed) for seed in range(3000, 3030)])
    first = score(run, held_out=held, pictures=3, command="flawforge score run")
    assert load_record(run, "score", ScoreRecord) == first
    drawn = load_record(run, "map", FeatureMap)
    kinds = Counter(point.kind for point in drawn.points)
    assert (kinds["generated"], kinds["held-out"], drawn.inputs) == (30, first.n_reference, first.inputs)
    assert kinds["training"] == first.n_training
    assert [len(first.best), len(first.worst)] == [3, 3]
    assert all((run.path / str(one.picture)).is_file() for one in (*first.best, *first.worst))
    scores = [one.score for one in (*first.best, *reversed(first.worst))]
    assert scores == sorted(scores, key=lambda value: -float(value or 0))
    again = score(run, held_out=held, pictures=3, command="flawforge score run")
    assert again.model_copy(update={"made": ""}) == first.model_copy(update={"made": ""})
    other = score(run, held_out=held, pictures=0, seed=1)
    assert other.quantities != first.quantities
    assert list((run.records / "score").glob("*.png")) == []


def test_features_come_from_the_cache_the_second_time(run: Run, held: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from flawforge.models.extractors import Lite0

    plant(run, [texture(seed) for seed in range(3000, 3020)])
    first = score(run, held_out=held, pictures=0)
    monkeypatch.setattr(Lite0, "__call__", lambda self, images: pytest.fail("computed again"))
    assert score(run, held_out=held, pictures=0).quantities == first.quantities


def test_pixels_know_brightness_and_no_texture(run: Run, held: Path) -> None:
    draw, _, _ = FAULTS["brighter"]
    plant(run, [draw(seed) for seed in range(3000, 3080)])
    record = score(run, held_out=held, extractor="pixels")
    assert (record.extractor, record.width) == ("pixels 16x16", 256)
    assert quantity(record, "kid").outside is True


@pytest.mark.parametrize("mode", ["RGB", "I;16"])
def test_colour_16_bits_and_oblong_images(make_run: Any, draw_images: Any, tmp_path: Path, mode: str) -> None:
    from flawforge.studies.synthesis.run import generate

    run = make_run(draw_images(tmp_path / "dents", 16, mode=mode), resolution=(16, 24), channels="data")
    generate(run, 16)
    record = score(run, pictures=2)
    assert record.resolution == (16, 24)
    assert len(record.quantities) == 8
    assert record.exact_copies == 0
    assert all((run.path / str(one.picture)).is_file() for one in record.best)
    for source, image in zip(sorted((tmp_path / "dents").iterdir()), sorted(run.synthetic.rglob("*.png")), strict=True):
        image.write_bytes(source.read_bytes())
    assert score(run, pictures=0).exact_copies == 16


def test_what_cannot_be_is_told(run: Run, tmp_path: Path) -> None:
    with pytest.raises(RunNotFoundError):
        score(run)
    plant(run, [texture(seed) for seed in range(3000, 3020)])
    with pytest.raises(SettingError, match="--extractor is 'inception'; allowed: effnet-lite0, pixels"):
        score(run, extractor="inception")
    with pytest.raises(SettingError, match="--pictures is -1"):
        score(run, pictures=-1)
    moved = tmp_path / "moved" / "lines"
    moved.parent.mkdir()
    (tmp_path / "lines").rename(moved)
    with pytest.raises(DataNotFoundError, match="say where they are now with --data DIR"):
        score(run)
    assert score(run, data=moved, pictures=0).n_training == 40
    (moved / "00001.png").unlink()
    with pytest.raises(DataUnusableError, match="are not those that"):
        score(run, data=moved)


def test_glare_elsewhere_does_not_change_the_scale_of_16_bit_images(
    make_run: Any, draw_images: Any, tmp_path: Path
) -> None:
    """12-bit images; another one, which training did not take, holds glare: white is 16383 over all."""
    from flawforge.data.reading.load import load
    from flawforge.studies.synthesis.run import generate

    folder = draw_images(tmp_path / "dents", 30, mode="I;16")
    rows = range(10)
    training = load(folder).take(rows)
    other = folder / load(folder).samples[20].file
    glare = np.array(Image.open(other))
    glare[:3, :3] = 5000
    Image.fromarray(glare).save(other)
    whole = load(folder)
    assert (training.white, whole.white) == (4095, 16383)
    run: Run = make_run(training, resolution=(20, 24))
    own = [sample.sha256 for sample in training.samples]
    run.save_settings(run.settings.model_copy(update={"selection": Selection(samples=own)}))
    generate(run, 20)
    images = sorted(run.synthetic.rglob("*.png"))
    for image, row in zip(images, [*rows, *range(10, 20)], strict=True):
        image.write_bytes((folder / whole.samples[row].file).read_bytes())
    record = score(run, data=whole, pictures=0)
    assert (record.n_training, record.n_reference) == (10, 20)
    assert record.exact_copies == 10
    assert record.levels is not None
    assert abs(record.levels.brighter) < 12  # of 255, with ten other images; on unlike scales 90


def test_the_cameras_compression_decides_nothing(make_run: Any, tmp_path: Path) -> None:
    """Real images as JPEG 75, and a perfect generator: other real images, as PNG."""

    def fine(seed: int) -> np.ndarray:
        grain = np.random.default_rng(seed).normal(0, 4, (SIDE, SIDE))
        return np.clip(0.3 * texture(seed) + 80 + grain, 0, 255).astype(np.uint8)

    def photographed(folder: Path, seeds: range) -> Path:
        folder.mkdir(parents=True)
        for seed in seeds:
            Image.fromarray(fine(seed)).save(folder / f"{seed:05d}.jpg", quality=75)
        return folder

    run = make_run(photographed(tmp_path / "jpeg" / "lines", range(40)), name="jpeg-run", resolution=SIDE)
    plant(run, [fine(3000 + i) for i in range(60)])
    record = score(run, held_out=photographed(tmp_path / "jpeg-held" / "lines", range(1000, 1080)).parent)
    assert "not distinguishable" in record.sentence
    assert not any(one.outside for one in record.quantities)
    assert record.levelling is not None
    assert "JPEG of quality 75" in " ".join(record.levelling.steps)
