"""What the studio costs: memory and processor while idle, a training that three pages watch, paint and scrolling.

A studio is started as a user starts it, in a folder of drawn runs. Told: its memory and processor while no page is open
and while three pages are; the time until each page's first paint; frames while 10,000 images scroll; and the speed of a
training while three pages of a browser watch it, beside its speed while none does, in turns within one training.

    python benchmarks/studio_cost.py [--seconds 20] [--windows 40] [--window 20] [--json FILE]
"""

from __future__ import annotations

import argparse
import json
import os
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from flawforge.core.images import encode_png
from flawforge.runs.set_files import ManifestEntry
from machine import keep

CHROMIUM = shutil.which("chromium") or "/usr/bin/chromium"
PAGES = ("/", "/run?name=runs/drawn", "/images?name=runs/drawn", "/new")
MANY = 10_000
SETTLED = 5.0  # seconds
SCROLL = """async () => {
  const times = []; let last = performance.now();
  for (let i = 1; i <= 240; i++) {
    scrollTo(0, 400 * i);
    await new Promise(requestAnimationFrame);
    const now = performance.now(); times.push(now - last); last = now;
  }
  times.sort((a, b) => a - b);
  return [times[120], times[228]];
}"""
PAINT = "performance.getEntriesByName('first-contentful-paint')[0].startTime"


def draw(root: Path) -> None:
    """Draw images to train on, and a run with a long history and 10,000 generated images."""
    import flawforge

    flawforge.demo_data(root / "data" / "steel", 12)
    run = root / "runs" / "drawn"
    for name in ("previews", "checkpoints", "records", "synthetic"):
        (run / name).mkdir(parents=True)
    (run / "run.json").write_text(json.dumps({"format": 1, "recipe": flawforge.recipe("fewshot").dump()}))
    with (run / "history.jsonl").open("w") as file:
        for step in range(10, 100_010, 10):
            scores = {f"scores_{kind}": [0.1, 0.3, 0.5, 0.7, 0.9] for kind in ("real", "fake")}
            numbers = {"loss_d": 1.2, "loss_g": 0.9, "d_real": 0.6, "d_fake": 0.4, "images_per_second": 40.0}
            file.write(json.dumps({"step": step, "kimg": step * 0.016, "seconds": step, **numbers, **scores}) + "\n")
    made = run / "synthetic"
    for i in range(64):
        pixels = np.random.default_rng(i).integers(0, 255, (64, 64), dtype=np.uint8)
        (made / f"{i}.png").write_bytes(encode_png(pixels, "L"))
    for i in range(64, MANY):
        os.link(made / f"{i % 64}.png", made / f"{i}.png")
    entries = (ManifestEntry(f"{i}.png", "pit", 0, i, "x", "0", 64, 64, "L") for i in range(MANY))
    (made / "manifest.jsonl").write_text("".join(entry.line() for entry in entries))
    (made / "set.json").write_text(json.dumps({"format": 1, "n": MANY, "classes": {"pit": MANY}, "complete": True}))


@contextmanager
def studio(root: Path) -> Iterator[tuple[str, int]]:
    """Start a studio; give its address and process."""
    words = [sys.executable, "-m", "flawforge", "studio", str(root), "--port", "0", "--no-browser"]
    with subprocess.Popen(words, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        found = next(filter(None, (re.search(r"http://[\d.]+:\d+", line) for line in process.stderr)))
        try:
            yield found[0], process.pid
        finally:
            process.terminate()


def memory_mb(process: int) -> float:
    """Return the resident memory of a process."""
    return int(re.findall(r"VmRSS:\s+(\d+)", Path(f"/proc/{process}/status").read_text())[0]) / 1024


def used(process: int) -> float:
    """Return the processor's seconds that a process has used."""
    fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def share(process: int, seconds: float) -> float:
    """Return the share of one core that a process uses during some seconds."""
    before = used(process)
    time.sleep(seconds)
    return (used(process) - before) / seconds


def idle(browser: Any, address: str, process: int, seconds: float) -> dict[str, float]:
    """Measure a studio that nothing is asked of, then with three pages of a run at rest."""
    time.sleep(1)
    told = {"memory_mb": memory_mb(process), "core_without_pages": share(process, seconds)}
    pages = [browser.new_page() for _ in range(3)]
    for page in pages:
        page.goto(address + PAGES[1])
        page.wait_for_selector("#moment:has-text('step')", timeout=300_000)
    told |= {"core_with_three_pages": share(process, seconds), "memory_with_pages_mb": memory_mb(process)}
    for page in pages:
        page.close()
    return told


def shown(browser: Any, address: str) -> dict[str, Any]:
    """Measure the first paint of each page, and frames while 10,000 images scroll."""
    page = browser.new_page(viewport={"width": 1280, "height": 800})
    paints: dict[str, float] = {}
    for path in PAGES:
        values = []
        for _ in range(5):
            page.goto(address + path)
            page.wait_for_timeout(400)
            values.append(page.evaluate(PAINT))
        paints[path] = statistics.median(values)
    page.goto(address + PAGES[2])
    page.wait_for_selector("#grid img", timeout=300_000)
    median, late = page.evaluate(SCROLL)
    page.close()
    return {"first_paint_ms": paints, "frame_ms_median": median, "frame_ms_95": late}


def shown_steps(history: Path) -> tuple[int, float]:
    """Return how many steps a training has logged, and the seconds that it had spent on them."""
    row = json.loads(history.read_text().splitlines()[-1])
    return row["step"], row["seconds"]


def watched(browser: Any, address: str, process: int, root: Path, windows: int, seconds: float) -> dict[str, Any]:
    """Train once, watched by three pages of the run in every other window of so many seconds.

    A page's loading is not measured: a window counts from `SETTLED` seconds after its pages were opened or closed.
    """
    run = root / "runs" / "watched"
    words = [sys.executable, "-m", "flawforge", "train", str(root / "data/steel"), "--out", str(run)]
    words += ["--recipe", "dcgan-lite", "--resolution", "64", "--minutes", str((windows + 4) * seconds / 60)]
    speeds: dict[bool, list[float]] = {False: [], True: []}
    spent = 0.0
    with subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as training:
        while not (run / "history.jsonl").exists():
            time.sleep(0.5)
        time.sleep(seconds)
        for number in range(windows):
            seen, pages = number % 4 in (1, 2), []  # no, yes, yes, no: a drift falls on both alike
            for _ in range(3 if seen else 0):
                pages.append(browser.new_page())
                pages[-1].goto(address + "/run?name=runs/watched")
            time.sleep(SETTLED)
            before, (step, since) = used(process), shown_steps(run / "history.jsonl")
            time.sleep(seconds - SETTLED)
            steps, until = shown_steps(run / "history.jsonl")
            speeds[seen].append((steps - step) / (until - since))
            spent += (used(process) - before) if seen else 0.0
            for page in pages:
                assert "step" in page.inner_text("#moment"), "the page follows the training"
                page.close()
        training.terminate()
    slower = [alone / seen for alone, seen in zip(speeds[False], speeds[True], strict=True)]
    error = statistics.stdev(slower) / len(slower) ** 0.5
    return {
        "steps_a_second_unwatched": speeds[False],
        "steps_a_second_watched": speeds[True],
        "slower": statistics.median(slower) - 1,
        "slower_mean": statistics.mean(slower) - 1,
        "standard_error": error,
        "studio_core_share": spent / ((seconds - SETTLED) * windows / 2),
    }


def main() -> None:
    """Measure, print, and keep."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=float, default=20.0)
    parser.add_argument("--windows", type=int, default=40, help="of a training, half of them watched; a multiple of 4")
    parser.add_argument("--window", type=float, default=20.0, help="seconds of each")
    parser.add_argument("--json", type=Path)
    asked = parser.parse_args()
    from playwright.sync_api import sync_playwright

    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        root = Path(folder)
        draw(root)
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu"])
        with studio(root) as (address, process):
            result = {
                "idle": idle(browser, address, process, asked.seconds),
                "shown": shown(browser, address),
                "watched": watched(browser, address, process, root, asked.windows, asked.window),
            }
        browser.close()
    for part, told in result.items():
        print(part)
        for name, value in told.items():
            print(f"  {name}: {value if isinstance(value, list | dict) else round(value, 4)}")
    keep(asked.json, result)


if __name__ == "__main__":
    main()
