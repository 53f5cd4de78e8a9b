"""The trial's page, from a made-up record: simulated trials, judged by the real judge, with drawn images."""

from __future__ import annotations

import base64
import csv
import io
import re
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from flawforge.core.errors import RunBrokenError, RunNotFoundError, SettingError
from flawforge.core.images import encode_png
from flawforge.core.settings.arms import uses_generated
from flawforge.reports.trial.page import trial_report, verdict_title
from flawforge.runs.cells import CellKey
from flawforge.runs.estimates import Estimate, gain_points
from flawforge.runs.trials import Protocol, TrialRecord, read_trial, trial_csv, write_trial
from flawforge.studies.trial.analysis.evidence import Evidence
from flawforge.studies.trial.analysis.verdict import judge
from parsed_page import Parsed
from trial_calibration import World, simulate

CLASSES = ("inclusion", "patches", "rolled-in_scale")
MODELS = ("small-cnn", "effnet-probe")


def surface(seed: int) -> np.ndarray:
    """A gray surface with one bright scratch."""
    rng = np.random.default_rng(seed)
    image = rng.normal(110, 12, (64, 64))
    image[:, int(rng.integers(4, 60))] += 90
    return np.clip(image, 0, 255).astype(np.uint8)


def evidence(seeds: int = 6) -> Evidence:
    """Three numbers of shots and two models: a gain with few images and the small network, none elsewhere."""
    world = World(images=420, pieces=300, classes=3, seed=0.1, arm=0.08)
    cells, controls, chosen = {}, {}, {}
    for number, (shots, level) in enumerate(((5, 0.8), (10, 0.87), (20, 0.93))):
        for model, gain in zip(MODELS, ({5: 0.12, 10: 0.08}.get(shots, -0.005), 0.0), strict=True):
            part = simulate(
                replace(world, level=level + 0.04 * (model == MODELS[1]), gain=gain), seeds, 10 * number, test=0
            )
            cells |= {CellKey(k.seed, shots, k.arm, model): v for k, v in part.cells.items()}
            controls[(shots, model)] = "classical"
            chosen[(shots, model)] = None if (shots, model) == (20, MODELS[1]) else "generated"
    return replace(
        part,
        cells=cells,
        controls=controls,
        chosen=chosen,
        classes=CLASSES,
        _kept={},
        files=[f"{CLASSES[c]}/{i:04d}.png" for i, c in enumerate(part.labels)],
    )


@pytest.fixture(scope="module")
def record() -> TrialRecord:
    given = evidence()
    found = judge(given)
    comparisons = [
        one.model_copy(
            update={
                "flips": [
                    flip.model_copy(update={"picture": f"pictures/{flip.file.replace('/', '-')}"}) for flip in one.flips
                ]
            }
        )
        for one in found.comparisons
    ]
    protocol = Protocol(
        task="type",
        classes=list(CLASSES),
        metric=given.metric,
        shots=[5, 10, 20],
        seeds=list(range(6)),
        models=list(MODELS),
        arms=["real", "classical", "placebo", "generated"],
        steps=900,
        batch=48,
        resolution=(64, 64),
        encoding="both kinds as JPEG of quality 92, as the source was",
        test_images=420,
        test_groups=300,
        test_per_class={n: int((given.labels == i).sum()) for i, n in enumerate(CLASSES)},
        test_sha256="ab" * 32,
        pool_images=610,
        pool_groups=400,
        steps_taken=[
            "The test images were set aside first, by pieces of material, and hashed.",
            "Each seed drew its own real images from the rest, trained its own generator on them, and one "
            "classifier an arm, all arms with the same real images and the same number of steps.",
            "The share of generated images, the filter and the control were chosen inside the training data.",
        ],
    )
    return TrialRecord(
        made="2026-01-02T03:08:00Z",
        versions={"flawforge": "0.1.0"},
        inputs={"data": "cd" * 32},
        command="flawforge trial data/steel --shots 5,10,20 --seeds 6 --out trial",
        protocol=protocol,
        results=found.results,
        comparisons=comparisons,
        worth=found.worth,
        without=found.without,
        looks=[found.look],
        verdict=found.verdict,
        choices=[("Share of each batch", "20 %"), ("Filter", "realism and class agreement")],
        notes=["12 generated images were left out as too near to a real one."],
        seconds=5400,
        complete=True,
    )


@pytest.fixture
def trial(tmp_path: Path, record: TrialRecord) -> Path:
    write_trial(tmp_path, record)
    (tmp_path / "pictures").mkdir()
    for i, flip in enumerate(flip for one in record.comparisons for flip in one.flips):
        assert flip.picture
        (tmp_path / flip.picture).write_bytes(encode_png(surface(i), "L"))
    return tmp_path


def drawn(folder: Path) -> Parsed:
    return Parsed(trial_report(folder).read_text(encoding="utf-8"))


def test_the_record_comes_back_as_it_was_and_its_table_reads_back(trial: Path, record: TrialRecord) -> None:
    assert read_trial(trial) == record
    text = (trial / "records" / "trial.csv").read_text()
    assert text == trial_csv(record)
    page = trial_report(trial).read_text(encoding="utf-8")
    assert f"base64,{base64.b64encode(text.encode()).decode()}" in page
    rows = list(csv.DictReader(io.StringIO(text)))
    assert len(rows) == 6 * 4 * 6 * 3  # places, arms, seeds, metrics
    row = rows[-1]
    (result,) = [
        r for r in record.results if (str(r.shots), r.model, r.arm) == (row["shots"], row["model"], row["arm"])
    ]
    assert result.values[row["metric"]][result.seeds.index(int(row["repeat"]))] == float(row["value"])


@pytest.mark.parametrize(
    ("arms", "title"),
    [(("generated",), "Generated"), (("compose", "relight"), "Composed"), (("generated", "compose"), "New")],
)
def test_the_title_says_what_helped(record: TrialRecord, arms: tuple[str, ...], title: str) -> None:
    helped = next(one for one in record.primary if one.word == "helps")
    counted = [helped.model_copy(update={"arm": arm}) for arm in arms]
    assert verdict_title(record.model_copy(update={"comparisons": counted})) == f"{title} images helped"


def test_the_plain_sentence_comes_first_and_every_part_follows(trial: Path, record: TrialRecord) -> None:
    text = drawn(trial).text
    assert all(line in text for line in record.verdict.sentence.splitlines())
    assert text.index(record.verdict.sentence.splitlines()[0]) < text.index("Gains and losses")
    for words in (
        "Generated images helped",
        *record.verdict.advice,
        "Learning curves",
        "Results per class and per image",
        "Protocol",
        *record.protocol.steps_taken,
        "From wrong to right",
        "420 images of 300 specimens",
        "The values of every repeat as CSV",
        record.command,
        "12 generated images were left out",
        "SHA-256 " + "ab" * 32,
        "What this trial does not show",
        *(one.sentence for one in record.worth),
    ):
        assert words in text, words


def test_each_comparison_has_its_line_its_seeds_and_its_word(trial: Path, record: TrialRecord) -> None:
    html = trial_report(trial).read_text(encoding="utf-8")
    table = re.search(r'<table class="strips gains">.*?</table>', html, flags=re.S)
    assert table
    assert table.group(0).count('<svg class="strip"') == len(record.comparisons) == 6
    assert table.group(0).count('r="2.4"') == 6 * 6  # a dot a seed
    assert table.group(0).count('class="mark not-counted"') == 1  # where the inner choice advised none
    assert table.group(0).count('class="mark helps"') == sum(one.word == "helps" for one in record.comparisons) > 0
    first = next(one for one in record.primary if (one.shots, one.model) == (10, "small-cnn"))
    assert f"{100 * first.gain.value:+.1f} points (95% CI {100 * first.gain.low:.1f} to" in html


def test_curves_confusions_and_changed_images_are_drawn(trial: Path, record: TrialRecord) -> None:
    html = trial_report(trial).read_text(encoding="utf-8")
    assert html.count('<svg class="chart"') == 2  # one a model
    assert html.count('class="numbers confusion') == 2 * len(record.primary)
    shown = sum(len(one.flips) for one in record.primary)
    assert html.count("<img ") == shown > 0
    (trial / "pictures" / record.primary[0].flips[0].file.replace("/", "-")).unlink()
    assert "no picture kept" in trial_report(trial).read_text(encoding="utf-8")


def test_nothing_is_loaded_from_outside_and_the_same_record_gives_the_same_bytes(trial: Path, tmp_path: Path) -> None:
    found = drawn(trial)
    assert all(src.startswith("data:image/") for src in found.values("src"))
    assert all(href.startswith(("#", "data:")) for href in found.values("href"))
    ids = found.values("id")
    assert len(ids) == len(set(ids))
    assert {href[1:] for href in found.values("href") if href.startswith("#")} <= set(ids)
    first = trial_report(trial).read_bytes()
    assert trial_report(trial, out=tmp_path / "else" / "page.html").read_bytes() == first


HOSTILE = "<script>alert(1)</script>\"'{{7*7}}"


def test_words_of_the_record_are_words_never_markup(trial: Path, record: TrialRecord) -> None:
    verdict = record.verdict.model_copy(update={"sentence": HOSTILE, "advice": [HOSTILE]})
    flips = [flip.model_copy(update={"label": HOSTILE, "file": HOSTILE}) for flip in record.comparisons[0].flips]
    first = record.comparisons[0].model_copy(update={"flips": flips, "why": HOSTILE, "model": HOSTILE})
    protocol = record.protocol.model_copy(update={"classes": [HOSTILE, "b", "c"], "encoding": HOSTILE})
    changes = {"verdict": verdict, "protocol": protocol, "comparisons": [first], "data_warnings": [HOSTILE, "A & B."]}
    write_trial(trial, record.model_copy(update=changes))
    html = trial_report(trial).read_text(encoding="utf-8")
    assert "<script>alert" not in html
    assert '<p class="warning">A &amp; B.</p>' in html
    assert [sum(tag == name for tag, _ in Parsed(html).tags) for name in ("script", "style")] == [1, 1]


def test_a_trial_that_has_measured_little_says_so(trial: Path, record: TrialRecord) -> None:
    verdict = record.verdict.model_copy(update={"word": "no evidence", "sentence": "Too early to tell.", "advice": []})
    write_trial(
        trial,
        record.model_copy(
            update={
                "comparisons": [],
                "worth": [],
                "results": [],
                "looks": [],
                "verdict": verdict,
                "choices": [],
                "notes": [],
            }
        ),
    )
    text = drawn(trial).text
    assert "No arm with generated images has enough complete repeats for a comparison yet." in text
    assert "A learning curve takes at least two numbers of real images per class" in text
    assert "not measured" in text
    assert "<h1>Too early for a verdict</h1>" in trial_report(trial).read_text(encoding="utf-8")


def test_a_trial_that_generates_nothing_is_not_called_early(trial: Path, record: TrialRecord) -> None:
    arms = [result for result in record.results if not uses_generated(result.arm)]
    protocol = record.protocol.model_copy(update={"arms": [result.arm for result in arms]})
    update = {"comparisons": [], "worth": [], "results": arms, "protocol": protocol}
    write_trial(trial, record.model_copy(update=update))
    page = trial_report(trial).read_text(encoding="utf-8")
    assert "<h1>Nothing was generated</h1>" in page
    assert "This trial has no arm with generated images." in page


def test_the_best_without_new_images_is_named(trial: Path, record: TrialRecord) -> None:
    assert record.without
    for part in record.without:
        assert part.sentence in drawn(trial).text


def test_wrong_places_are_explained(tmp_path: Path, trial: Path) -> None:
    with pytest.raises(RunNotFoundError, match=r"has no trial record\. Make it again with: flawforge trial DATA"):
        trial_report(tmp_path / "nothing")
    with pytest.raises(SettingError, match="is a folder; the report is a file"):
        trial_report(trial, out=tmp_path)
    file = trial / "records" / "trial.json"
    whole = file.read_text()
    file.write_text(whole.replace('"format": 1', '"format": 9', 1))
    with pytest.raises(RunBrokenError, match="has format 9; this version of Flawforge reads format 1"):
        read_trial(trial)
    file.write_text(whole.replace('"helps"', '"maybe"', 1))
    with pytest.raises(RunBrokenError, match="is damaged"):
        read_trial(trial)


@pytest.mark.browser
@pytest.mark.slow
@pytest.mark.parametrize("width", [360, 1280])
def test_in_a_browser_it_fits_the_screen_without_a_fault(trial: Path, width: int) -> None:
    api = pytest.importorskip("playwright.sync_api", reason="needs the package playwright")
    chromium = shutil.which("chromium") or "/usr/bin/chromium"
    if not Path(chromium).exists():
        pytest.skip("needs Debian's chromium (apt install chromium)")
    with api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox", "--disable-gpu"])
        page = browser.new_page(viewport={"width": width, "height": 800})
        troubles: list[str] = []
        page.on("console", lambda message: troubles.append(message.text))
        page.on("pageerror", lambda error: troubles.append(str(error)))
        page.goto(trial_report(trial).resolve().as_uri())
        assert page.evaluate("document.scrollingElement.scrollWidth") <= width
        assert page.locator("details[open]").count() == 1
        page.screenshot(path=trial / "page.png", full_page=True)
        browser.close()
    assert troubles == []


def test_no_interval_on_the_page_goes_beyond_what_is_possible(tmp_path: Path, record: TrialRecord) -> None:
    """Three repeats once showed +125 points, and 105.9%."""
    first = record.primary[0]
    wide = [
        one.model_copy(update={"gain": one.gain.model_copy(update={"low": -1.5, "high": 1.6})}) if one is first else one
        for one in record.comparisons
    ]
    place = next(r for r in record.results if (r.shots, r.model, r.arm) == (first.shots, first.model, first.control))
    metric = record.protocol.metric
    base = place.metrics[metric].value
    assert base is not None
    broad = place.metrics[metric].model_copy(update={"low": -0.2, "high": 1.3})
    results = [
        r.model_copy(update={"metrics": {**r.metrics, metric: broad}}) if r is place else r for r in record.results
    ]
    write_trial(tmp_path, record.model_copy(update={"comparisons": wide, "results": results}))
    text = drawn(tmp_path).text
    assert f"CI {-100 * base:.1f} to {100 * (1 - base):.1f})" in text
    assert f"{100 * base:.1f} (0.0 to 100.0)" in text
    for beyond in ("160.0", "150.0", "130.0", "-20.0"):
        assert beyond not in text


def test_next_to_nothing_is_no_negative_nought() -> None:
    shown = gain_points(Estimate(value=-0.00001, low=-0.0004, high=0.0003))
    assert shown == "+0.00 points (95% CI -0.04 to 0.03)"
