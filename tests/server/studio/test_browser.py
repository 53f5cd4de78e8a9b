"""The studio in a real browser: every page, light and dark, on a phone, by keyboard alone, live."""

from __future__ import annotations

import json
import os
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.request import urlopen

import numpy as np
import pytest
from PIL import Image

from barriers import barriers
from flawforge.core.images import encode_png, grid
from flawforge.reports.markup import TEMPLATES
from flawforge.runs.estimates import Estimate
from flawforge.runs.set_files import ManifestEntry
from flawforge.runs.trial_progress import InterimGain, InterimLook, ProgressFile
from studio_folder import leave_run, leave_trial, line

pytestmark = [pytest.mark.browser, pytest.mark.slow]
MANY = 2000  # benchmarks/studio_cost.py scrolls through 10,000
EVIL = "<img src=x onerror=alert(1)>"
NAMED = {"link", "button", "textbox", "combobox", "checkbox", "slider", "image", "progressbar", "dialog", "region"}
KINDS = (("real", 1), ("fake", -1))
PAGES = (
    "/",
    "/run?name=runs/first",
    "/images?name=runs/first",
    "/explore?name=runs/first",
    "/place?name=runs/placed",
    "/data?name=data/steel",
    "/trial?name=trials/steel",
    "/search?name=searches/one",
    "/new?verb=trial",
    "/run?name=nothing",
)


@pytest.fixture(scope="module")
def work(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give a folder with a run that has everything, 2,000 images among it, a trial under way, a search, and images."""
    root = tmp_path_factory.mktemp("studio") / "work"
    run = leave_run(root / "runs" / "first", steps=0, previews=0, label=EVIL)
    rng = np.random.default_rng(0)
    cells = [rng.integers(60, 190, (16, 16), dtype=np.uint8) for _ in range(36)]
    with (run / "history.jsonl").open("w") as file:
        for step in range(10, 610, 10):
            apart = 0.4 - step / 2000
            five = {kind: sorted(0.5 + side * apart + 0.1 * rng.standard_normal(5)) for kind, side in KINDS}
            scores = {f"scores_{kind}": values for kind, values in five.items()}
            file.write(json.dumps(line(step, **scores)) + "\n")
    for i in range(4):
        shade = encode_png(grid([cell // (4 - i) for cell in cells], 6), "L")
        (run / "previews" / f"kimg_{i * 2.4:010.3f}.png").write_bytes(shade)
    (run / "previews" / "real.png").write_bytes(encode_png(grid(cells, 6), "L"))
    made = run / "synthetic"
    made.mkdir()
    for i, cell in enumerate(cells):
        (made / f"{i}.png").write_bytes(encode_png(cell, "L"))
    for i in range(len(cells), MANY):
        os.link(made / f"{i % len(cells)}.png", made / f"{i}.png")
    labels = (EVIL, "pit")
    entries = (ManifestEntry(f"{i}.png", labels[i % 2], 0, i, "x", "0", 16, 16, "L") for i in range(MANY))
    (made / "manifest.jsonl").write_text("".join(entry.line() for entry in entries))
    facts = {"format": 1, "n": MANY, "classes": {EVIL: MANY // 2, "pit": MANY // 2}, "complete": True}
    (made / "set.json").write_text(json.dumps(facts))
    script = (TEMPLATES / "report.js").read_text()
    (run / "report.html").write_text(
        f"<title>mine</title><style>p{{color:red}}</style><main><p>x</p></main><script>{script}</script>"
        "<script>document.title = 'evil'</script>"
    )
    noted = ProgressFile(leave_trial(root / "trials" / "steel"), ["5 repeats take about 4 min."])
    noted.reach(cells=20, done=9, repeats=5, whole=4, seconds_left=100.0)
    gain = Estimate(value=0.02, low=-0.1, high=0.12, level=0.99)
    noted.add(
        InterimLook(
            repeats=4,
            planned=5,
            stopped=False,
            gains=[InterimGain(shots=5, model="small-cnn", arm="compose", control="classical", gain=gain)],
        )
    )
    (root / "searches" / "one" / "trials").mkdir(parents=True)
    (root / "searches" / "one" / "search.json").write_text("{}")
    _leave_placing_run(root)
    (root / "data" / "steel").mkdir(parents=True)
    (root / "data" / "steel" / "a.png").write_bytes(encode_png(cells[0], "L"))
    return root


def _leave_placing_run(root: Path) -> None:
    """Leave a run that puts pits on good images."""
    from flawforge.training.train import train

    rng, photos = np.random.default_rng(0), root / "photos"
    for label in ("pit", "good"):
        (photos / label).mkdir(parents=True)
        for number in range(3):
            pixels = rng.normal(120, 9, (40, 56))
            if label == "pit":
                mask = np.zeros(pixels.shape, np.uint8)
                mask[10 + number : 20 + number, 14:24] = 255
                pixels[mask > 0] -= 60
                (photos / f"pit/{number}_mask.png").write_bytes(encode_png(mask, "L"))
            data = encode_png(pixels.clip(0, 255).astype(np.uint8), "L")
            (photos / label / f"{number}.png").write_bytes(data)
    train(photos, root / "runs" / "placed", "copy-paste", previews=0)


@pytest.fixture(scope="module")
def address(work: Path) -> Iterator[str]:
    """Give the address of a studio of that folder."""
    pytest.importorskip("uvicorn", reason="needs the extra 'studio'")
    from flawforge.server import listening
    from flawforge.server.run import open_port
    from flawforge.server.studio.application import Studio
    from flawforge.server.studio.workspace import Workspace

    opened, taken, servers = Studio(Workspace(work)), open_port("127.0.0.1", 0), []

    class Kept(listening.EndingServer):
        def __init__(self, *args: Any) -> None:
            super().__init__(*args)
            servers.append(self)

    patch = pytest.MonkeyPatch()
    patch.setattr(listening, "EndingServer", Kept)
    serve = (opened.application(), taken, 64, 1, opened.watcher.end)
    thread = threading.Thread(target=listening.listen, args=serve, daemon=True)
    thread.start()
    address = f"http://127.0.0.1:{taken.getsockname()[1]}"
    urlopen(address, timeout=60).close()  # what the server imports is imported now, not while a test begins
    yield address
    servers[0].should_exit = True
    thread.join(20)
    patch.undo()
    assert not thread.is_alive()


@pytest.fixture
def opened(browser: Any, address: str) -> Iterator[Callable[..., Any]]:
    contexts = []

    def open_page(path: str = "/", width: int = 1280, **options: Any) -> tuple[Any, list[str]]:
        context = browser.new_context(viewport={"width": width, "height": 800}, **options)
        contexts.append(context)
        page, troubles = context.new_page(), []
        page.on("console", lambda message: troubles.append(message.text))
        page.on("pageerror", lambda error: troubles.append(str(error)))
        page.on("dialog", lambda dialog: troubles.append(dialog.message))
        page.on("request", lambda r: None if r.url.startswith(address) else troubles.append(r.url))
        page.goto(address + path)
        return page, troubles

    yield open_page
    for context in contexts:
        context.close()


@pytest.mark.parametrize(("width", "scheme"), [(1280, "light"), (390, "dark")])
def test_every_page_is_whole_named_and_of_this_host(
    opened: Callable[..., Any], address: str, width: int, scheme: str
) -> None:
    page, troubles = opened("/", width, color_scheme=scheme)
    tree = page.context.new_cdp_session(page)
    for path in PAGES:
        page.goto(address + path)
        page.wait_for_timeout(150)
        assert page.evaluate("document.scrollingElement.scrollWidth") <= width, path
        assert page.locator("h1").count() == 1, path
        assert page.evaluate("document.querySelectorAll('img[src=\"x\"]').length") == 0
        for node in tree.send("Accessibility.getFullAXTree")["nodes"]:
            role = node.get("role", {}).get("value")
            if role in NAMED and not node["ignored"]:
                assert node.get("name", {}).get("value", "").strip(), (path, role)
    expected = ("status of 404", "status of 422")  # a page of nothing, and a run that has no weights to explore
    assert [trouble for trouble in troubles if not any(one in trouble for one in expected)] == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_no_barrier_on_any_page(opened: Callable[..., Any], address: str, scheme: str) -> None:
    page, _ = opened("/", color_scheme=scheme)
    wrong = []
    for path in PAGES:
        page.goto(address + path, wait_until="networkidle")
        wrong += [f"{path}: {barrier}" for barrier in barriers(page, colours_alone=scheme == "dark")]
    assert wrong == []


def test_the_game_is_followed_and_gone_back_through_by_keyboard(opened: Callable[..., Any], work: Path) -> None:
    page, troubles = opened("/run?name=runs/first")
    page.wait_for_selector("#moment:has-text('step 600')")
    assert "half of the images between" in page.get_attribute("#scores svg", "aria-label")
    newest = page.get_attribute("#preview", "src")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.className") == "skip"
    page.focus("#at")
    for _ in range(59):
        page.keyboard.press("ArrowLeft")
    assert "step 10 " in page.inner_text("#moment")
    assert page.get_attribute("#preview", "src") != newest
    assert not page.is_checked("#follow")
    with (work / "runs/first/history.jsonl").open("a") as file:
        file.write(json.dumps(line(610)) + "\n")
    page.wait_for_selector("#at[max='60']")
    assert "step 10 " in page.inner_text("#moment")  # who looks back is not pulled away
    page.check("#follow")
    assert "step 610" in page.inner_text("#moment")
    page.locator("#losses svg").click(position={"x": 60, "y": 60})
    assert "step 610" not in page.inner_text("#moment")
    assert troubles == []


def test_very_many_images_are_a_few_elements_and_arrow_keys_go_through_them(opened: Callable[..., Any]) -> None:
    page, troubles = opened("/images?name=runs/first", 390)
    page.wait_for_selector("#grid img")
    assert page.inner_text("#count") == "2,000 images"
    for share in (0, 0.5, 1):
        page.evaluate(f"scrollTo(0, {share} * document.scrollingElement.scrollHeight)")
        page.wait_for_timeout(80)
        assert 0 < page.locator("#grid [role=listitem]").count() < 120
        shown = "[...document.querySelectorAll('#grid img')].some(i => i.getBoundingClientRect().top < innerHeight)"
        assert page.evaluate(shown)
    page.evaluate("scrollTo(0, 0)")
    page.wait_for_timeout(80)
    page.locator("[aria-posinset='1'] button").focus()
    for _ in range(12):
        page.keyboard.press("ArrowDown")
    assert int(page.evaluate("document.activeElement.closest('[role=listitem]').ariaPosInSet")) == 37
    page.keyboard.press("Enter")
    assert page.locator("#large").get_attribute("alt") == f"Generated image, class {EVIL}"
    page.keyboard.press("Escape")
    assert page.locator("dialog[open]").count() == 0
    page.select_option("#classes", "pit")
    assert page.inner_text("#count") == "1,000 images"
    assert troubles == []


def test_images_are_rejected_and_a_wrong_class_is_mended_by_keys(opened: Callable[..., Any], work: Path) -> None:
    page, troubles = opened("/images?name=runs/first")
    page.wait_for_selector("#grid img")
    page.locator("[aria-posinset='1'] button").focus()
    for key in "rrkr":
        page.keyboard.press(key)
    page.wait_for_selector("#count:has-text('2,000 images, 3 of them rejected')")
    page.keyboard.press("ArrowLeft")
    page.keyboard.press("k")
    assert page.inner_text("#count") == "2,000 images, 2 of them rejected"
    page.keyboard.press("r")  # so that what is written last was not written before
    until, chosen = time.monotonic() + 30, work / "runs/first/synthetic/rejected.json"
    while not chosen.is_file() or json.loads(chosen.read_text())["files"] != ["0.png", "1.png", "4.png"]:
        assert time.monotonic() < until
        page.wait_for_timeout(50)
    page.goto(page.url.replace("/images?name=runs/first", "/data?name=data/steel"))
    page.wait_for_selector("#grid button")
    page.locator("#grid button").focus()
    page.keyboard.press("Enter")
    page.fill("#label", EVIL)
    page.keyboard.press("Enter")
    page.wait_for_selector(".cell.mended")
    assert page.inner_text(".cell .of").startswith(EVIL)
    (labels,) = (work / "labels").iterdir()
    assert labels.read_text().splitlines() == ["file,class", f"a.png,{EVIL}"]
    assert page.inner_text("#labels-note").endswith(f"--labels labels/{labels.name}")
    assert page.locator("img[src=x]").count() == 0
    assert troubles == []


def test_keys_choose_the_image_under_the_pointer_and_another_tab_is_told(
    opened: Callable[..., Any], work: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("flawforge.server.studio.watcher.TICK", 0.1)
    (work / "runs/first/synthetic/rejected.json").unlink(missing_ok=True)
    (page, troubles), (other, _) = (opened("/images?name=runs/first") for _ in range(2))
    for tab in (page, other):
        tab.wait_for_selector("#grid img")
    page.keyboard.press("r")
    assert page.inner_text("#done").startswith("Point at an image")
    page.locator("[aria-posinset='3'] button").hover()
    assert page.locator(".current").get_attribute("aria-posinset") == "3"
    page.keyboard.press("r")
    assert page.inner_text("#done") == "Rejected: 2.png"
    assert page.locator(".rejected").get_attribute("aria-posinset") == "3"
    other.wait_for_selector("#count:has-text('2,000 images, 1 of them rejected')")
    other.locator("[aria-posinset='3'] button").click()
    other.keyboard.press("k")
    assert other.inner_text("#turn") == "Reject"
    page.wait_for_function("() => document.getElementById('count').textContent === '2,000 images'")
    page.focus("#classes")
    page.keyboard.press("r")
    assert page.inner_text("#count") == "2,000 images"
    page.locator("[aria-posinset='2'] button").hover()
    page.select_option("#classes", EVIL)  # the second image is of the other class
    page.locator("h1").click()
    page.keyboard.press("r")
    assert page.inner_text("#done").startswith("Point at an image")
    assert page.inner_text("#count") == "1,000 images"
    assert troubles == []


def test_a_mask_is_drawn_by_finger_and_by_keys_and_saved(opened: Callable[..., Any], tmp_path: Path) -> None:
    page, troubles = opened("/", 390)
    late: list[Any] = []  # the ground's picture comes when the defect is there: the hand need not wait for it
    page.route("**/place/ground?*whole=true*", lambda route: late.append(route))
    page.goto(page.url + "place?name=runs/placed")
    page.wait_for_selector("#words:has-text('in a drawn mask')")
    mask = page.locator("#mask")
    mask.scroll_into_view_if_needed()
    box = mask.bounding_box()
    late[0].continue_()
    page.wait_for_function("() => document.getElementById('ground').naturalWidth > 0")
    assert mask.bounding_box() == box
    page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    page.mouse.down()
    page.mouse.move(box["x"] + 0.7 * box["width"], box["y"] + box["height"] / 2, steps=4)
    page.mouse.up()
    page.wait_for_selector("#words:has-text('inside your mask')")
    saved = []
    for keys in ((), ("ArrowUp", "ArrowUp", "ArrowUp", "ArrowUp", "Space")):
        page.focus("#mask")
        before = page.get_attribute("#save-mask", "href")
        for key in keys:
            page.keyboard.press(key)
        if keys:
            page.wait_for_function("(old) => document.getElementById('save-mask').href !== old", arg=before)
        with page.expect_download() as download:
            page.click("#save-mask")
        download.value.save_as(tmp_path / "mask.png")
        saved.append(np.asarray(Image.open(tmp_path / "mask.png")) > 0)
    assert saved[0].shape == (40, 56)
    assert saved[0][20, 28:39].all()
    assert not saved[0][:16].any()
    assert saved[1].sum() > saved[0].sum()
    assert page.evaluate("document.scrollingElement.scrollWidth") <= 390
    assert troubles == []


def test_a_trial_under_way_is_no_verdict(opened: Callable[..., Any], work: Path) -> None:
    from flawforge.core.locks import FolderLock

    with FolderLock(work / "trials" / "steel", "trial", "flawforge trial"):
        page, troubles = opened("/trial?name=trials/steel")
        page.wait_for_selector("#intervals svg")
        assert page.inner_text("#reading").startswith("No verdict yet: this is the interim analysis after 4 of 5")
        assert "no verdict" in page.get_attribute("#intervals svg", "aria-label")
        assert page.locator(".interval.generated").count() == 0
        assert not page.is_visible("#verdict-box")
    assert troubles == []


def test_what_a_form_refuses_is_said_and_the_list_is_walked_by_keys(opened: Callable[..., Any]) -> None:
    page, _ = opened("/new?verb=train")
    page.get_by_label("Seed").focus()
    page.keyboard.type("1.5")
    page.keyboard.press("Enter")
    page.wait_for_selector("#refused:visible")
    assert page.inner_text("#refused") == "Seed is '1.5'; it is a whole number."
    page.get_by_role("link", name="All", exact=True).focus()
    page.keyboard.press("Enter")
    page.wait_for_selector("#items a")
    page.locator("#items a").first.focus()
    page.keyboard.press("Enter")
    page.wait_for_selector("#game")


def test_a_report_is_shown_without_scripts_that_are_not_ours(opened: Callable[..., Any]) -> None:
    page, troubles = opened("/drawn?name=runs/first")
    assert page.title() == "mine"
    assert page.locator("dialog.viewer").count() == 1  # made by our script, which may run
    assert page.evaluate("getComputedStyle(document.querySelector('p')).color") == "rgb(255, 0, 0)"
    assert page.evaluate("self.origin") == "null"
    assert len(troubles) == 1
    assert "Content Security Policy" in troubles[0]


@pytest.mark.nightly
def test_the_first_paint_comes_within_half_a_second(opened: Callable[..., Any], address: str) -> None:
    page, _ = opened()
    for path in PAGES:
        page.goto(address + path)
        page.wait_for_timeout(1000)
        paint = page.evaluate("performance.getEntriesByName('first-contentful-paint')[0].startTime")
        assert paint < 500, (path, paint)
