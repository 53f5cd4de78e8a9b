"""The whole page, as HTML."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

import flawforge
from flawforge.core.errors import RunNotFoundError, SettingError
from flawforge.reports.page import report
from flawforge.runs.folder import Run
from flawforge.runs.run_settings import RunSettings
from heard import Heard
from parsed_page import Parsed


def page(run: object) -> Parsed:
    return Parsed(report(run).read_text(encoding="utf-8"))  # type: ignore[arg-type]


def test_a_whole_run_gives_one_page_with_every_part(drawn: Callable) -> None:
    run = drawn().everything()
    file = report(run)
    assert file == run.report_file
    found = Parsed(file.read_text(encoding="utf-8"))
    wanted = {
        "Generated beside real",
        "Are they copies?",
        "Do they look real?",
        "Training",
        "How to reproduce",
        "What this report does not say",
    }
    headings = [words for words in found.words if words in wanted]
    assert len(dict.fromkeys(headings)) == 6
    for words in (
        "Generated images should be close to real ones, but not equal to them.",
        "None of the 50 generated images equals a training image.",
        "0 of 50 (0%; 95% CI 0% to 7.1%)",
        "The discriminator has won.",
        "flawforge train data/steel --out run",
        "ab" * 32,
        "Whether the images help. Not measured.",
    ):
        assert words in found.text
    assert sum(tag == "svg" for tag, _ in found.tags) == 9
    assert file.stat().st_size < 6_000_000


def test_nothing_is_loaded_from_outside(drawn: Callable) -> None:
    found = page(drawn().everything())
    assert all(src.startswith("data:image/") for src in found.values("src"))
    assert all(href.startswith(("#", "data:")) for href in found.values("href"))
    assert "http:" not in (text := report(drawn("b").everything()).read_text())
    assert "https:" not in text
    assert "@import" not in text


def test_ids_are_unique_and_every_link_leads_somewhere(drawn: Callable) -> None:
    found = page(drawn().everything())
    ids = found.values("id")
    assert len(ids) == len(set(ids))
    assert {href[1:] for href in found.values("href") if href.startswith("#")} <= set(ids)


def test_the_page_says_its_language_and_every_picture_what_it_shows(drawn: Callable) -> None:
    found = page(drawn().everything())
    assert dict(found.tags)["html"] == {"lang": "en"}
    assert all(attributes.get("alt") for tag, attributes in found.tags if tag == "img")
    assert all(attributes.get("aria-label") for tag, attributes in found.tags if tag == "svg")


def test_what_is_wrong_with_the_images_stands_at_the_top_once(drawn: Callable) -> None:
    """It was in the records, and on no page."""
    run = drawn().everything()
    warned = ["A label must be wrong."]
    for file, inside in ((run.settings_file, "data"), (run.records / "score.json", None)):
        facts = json.loads(file.read_text())
        facts |= {inside: {**facts[inside], "warnings": warned}} if inside else {"data_warnings": warned}
        file.write_text(json.dumps(facts))
    head = report(Run(run.path)).read_text(encoding="utf-8").split("<main>")[0]
    assert head.count('<p class="warning">A label must be wrong.</p>') == 1


def test_drawing_again_gives_the_same_bytes(drawn: Callable, tmp_path: Path) -> None:
    run = drawn().everything()
    first = report(run).read_bytes()
    assert report(run.path, out=tmp_path / "new" / "other.html").read_bytes() == first
    assert report(str(run.path)).read_bytes() == first


def test_drawing_changes_nothing_else_in_the_run(drawn: Callable) -> None:
    run = drawn().everything()
    before = {path: path.read_bytes() for path in run.path.rglob("*") if path.is_file()}
    report(run)
    after = {path: path.read_bytes() for path in run.path.rglob("*") if path.is_file() and path != run.report_file}
    assert after == before


def test_a_bare_run_says_what_is_missing_and_how_to_make_it(drawn: Callable) -> None:
    run = drawn().run
    text = page(run).text
    assert f"There are no generated images yet. Generate some with: flawforge generate {run.path} -n 64" in text
    assert f"Make one with: flawforge audit {run.path}" in text
    assert "No step of the training is logged." in text
    assert "The run has no previews" in text
    assert "Whether they are copies. Not measured: there is no audit yet." in text


@pytest.mark.parametrize("part", ["history", "previews", "synthetic", "audit"])
def test_each_part_alone_can_be_shown(drawn: Callable, part: str) -> None:
    run = drawn()
    getattr(run, part)()
    page(run.run)


def test_a_run_of_an_older_version_may_lack_anything(drawn: Callable) -> None:
    run = drawn().everything()
    run.save_settings(RunSettings(command="flawforge train x"))
    text = page(run).text
    assert "unnamed recipe on unknown data" in text
    assert "not recorded" in text


HOSTILE = "<script>alert(1)</script>\"'&amp;{{7*7}}</style>-->\u202eäß☃"


def test_names_from_files_are_words_never_markup(drawn: Callable) -> None:
    run = drawn(classes={HOSTILE: 20, "b": 4})
    settings = run.run.settings.model_dump(exclude_unset=True)
    settings["data"]["source"] = settings["command"] = settings["environment"]["device"] = HOSTILE
    settings["recipe"][HOSTILE] = HOSTILE
    settings["environment"][HOSTILE] = HOSTILE
    run.run.save_settings(RunSettings.model_validate(settings))
    run.synthetic()
    run.audit(file=HOSTILE + "{}", sentence=HOSTILE)
    run.history()
    with run.run.history_file.open("a") as file:
        file.write('{"event": "<b>x</b>", "text": "<img src=x onerror=alert(1)>", "kimg": 1.0}\n')
    html = report(run.run).read_text(encoding="utf-8")
    found = Parsed(html)
    assert [sum(tag == name for tag, _ in found.tags) for name in ("script", "style")] == [1, 1]
    assert not any(name.startswith("on") for _, attributes in found.tags for name in attributes)
    assert "<script>alert" not in html
    assert "49" not in found.text.split("alert(1)")[1][:30]
    assert HOSTILE in "".join(found.words)


def test_pictures_are_embedded_at_the_same_scale_and_16_bits_shown(drawn: Callable) -> None:
    run = drawn()
    settings = run.settings()
    settings["data"]["white"] = 4095
    run.run.save_settings(RunSettings.model_validate(settings))
    deep = np.full((30, 20), 4095, np.uint16)
    run.previews(reals=[deep])
    run.synthetic(2, lambda i: deep // (i + 1))
    found = page(run.run)
    sizes = {(a["width"], a["height"]) for tag, a in found.tags if tag == "img" and "Latent" not in a["alt"]}
    assert ("20", "30") in sizes


def test_an_unreadable_image_is_warned_of_and_told_on_the_page(drawn: Callable) -> None:
    run = drawn()
    run.synthetic(4)
    (run.run.synthetic / "scratch/000001.png").write_bytes(b"")
    heard = Heard()
    text = Parsed(report(run.run, progress=heard).read_text()).text
    assert heard.warned == ["1 image of the gallery cannot be read and is not shown, e.g. scratch/000001.png."]
    assert "1 of the chosen images cannot be read" in text


def test_images_that_were_deleted_are_told_and_not_missed(drawn: Callable) -> None:
    run = drawn()
    run.synthetic(4)
    (run.run.synthetic / "scratch/000001.png").unlink()
    heard = Heard()
    text = Parsed(report(run.run, progress=heard).read_text()).text
    assert heard.warned == []
    assert "3 images were generated. Chosen by hand: 1 of 4 images was removed." in text


def test_wrong_places_are_explained(tmp_path: Path, drawn: Callable, draw_images: Callable) -> None:
    with pytest.raises(RunNotFoundError, match="there is no folder .*nothing"):
        report(tmp_path / "nothing")
    with pytest.raises(RunNotFoundError, match="is no run, trial or search: it holds images"):
        report(draw_images(tmp_path / "photos" / "dent", 1).parent)
    Run.create(tmp_path / "trial" / "generators" / "s0000-n0005", RunSettings())
    for mark in ("bench.json", "bench.safetensors"):  # begun, and no record yet
        (tmp_path / "trial" / mark).touch()
    with pytest.raises(RunNotFoundError, match="has no trial record. Make it again with: flawforge trial"):
        report(tmp_path / "trial")
    with pytest.raises(SettingError) as raised:
        report(drawn().run, out=tmp_path)
    assert str(raised.value) == (
        f"--out {tmp_path} is a folder; the report is a file, so give for example --out {tmp_path / 'report.html'}"
    )


def test_a_report_needs_no_torch(drawn: Callable) -> None:
    run = drawn().everything()
    code = (
        "import sys; sys.modules['torch'] = None\n"
        f"import flawforge; flawforge.report({str(run.path)!r})\n"
        "print([m for m in ('flawforge.data', 'flawforge.metrics', 'scipy', 'matplotlib.pyplot') if m in sys.modules])"
    )
    environment = {**os.environ, "PYTHONPATH": str(Path(flawforge.__file__).parents[1])}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=environment, check=False)
    assert (done.stderr, done.stdout.strip()) == ("", "[]")


@pytest.mark.parametrize("kind", ["audit", "score"])
@pytest.mark.parametrize("content", ["{ torn", "[]", '{"format": 99}', '{"format": 1, "kind": "x"}', b"\xff\xfe"])
def test_a_damaged_record_is_named_with_its_cure_and_the_rest_is_drawn(
    drawn: Callable, kind: str, content: str | bytes
) -> None:
    run = drawn("my run").everything()
    heard = Heard()
    record = run.records / f"{kind}.json"
    record.write_bytes(content.encode() if isinstance(content, str) else content)
    text = Parsed(report(run, progress=heard).read_text(encoding="utf-8")).text
    command = f"flawforge {kind} '{run.path}'"
    assert len(heard.warned) == 1
    assert str(record) in heard.warned[0]
    assert command in heard.warned[0]
    assert command in text
    assert f"{kind}.json is damaged" in text or f"{kind}.json has format" in text
    other = {"audit": "The generated images are distinguishable from", "score": "None of the 50 generated images"}
    assert other[kind] in text
    assert "have not been tested" not in text
    assert f"The record of the {kind} is damaged" in text


def test_a_damaged_set_json_does_not_stop_the_report(drawn: Callable) -> None:
    run, heard = drawn().everything(), Heard()
    (run.synthetic / "set.json").write_text("{ torn")
    text = Parsed(report(run, progress=heard).read_text(encoding="utf-8")).text
    assert "50 images were generated" in text
    assert len(heard.warned) == 1
    assert "set.json is damaged" in heard.warned[0]
