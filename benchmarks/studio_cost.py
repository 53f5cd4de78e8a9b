"""What the studio costs: memory and processor while idle, a training that three pages watch, paint and scrolling.

A studio is started as a user starts it, in a folder of drawn runs. Told: its memory and processor while no page is open
and while three pages are; the time until each page's first paint; frames while 10,000 images scroll; and the speed of a
training that three pages of a browser watch beside that of the same training unwatched, in turns, in wall time and in
the training's own processor time (the second is not moved by other work on the machine, nor by the browser's).

    python benchmarks/studio_cost.py [--seconds 20] [--rounds 4] [--kimg 3] [--json FILE]
"""

from __future__ import annotations

import argparse
import json
import os
import re
import resource
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
from machine import keep, median_ratio

CHROMIUM = shutil.which("chromium") or "/usr/bin/chromium"
PAGES = ("/", "/run?name=runs/drawn", "/images?name=runs/drawn", "/new")
MANY = 10_000
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


def trained(root: Path, name: str, kimg: float) -> tuple[float, float]:
    """Train a small run in a process of its own; return the wall seconds of its steps, and its processor's seconds."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    words = ["train", str(root / "data/steel"), "--out", str(root / "runs" / name), "--recipe", "dcgan-lite"]
    words += ["--kimg", str(kimg), "--resolution", "64", "--seed", "1"]
    subprocess.run([sys.executable, "-m", "flawforge", *words], check=True, capture_output=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    lines = (root / "runs" / name / "history.jsonl").read_text().splitlines()
    return float(json.loads(lines[-1])["seconds"]), after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def watched(browser: Any, address: str, process: int, root: Path, rounds: int, kimg: float) -> dict[str, Any]:
    """Train in turns, unwatched and watched by three pages of the run."""
    walls: dict[bool, list[float]] = {False: [], True: []}
    cores: dict[bool, list[float]] = {False: [], True: []}
    spent = 0.0
    trained(root, "warm", kimg / 10)
    for number in range(rounds):
        for seen in (False, True) if number % 2 == 0 else (True, False):
            name, pages = f"{number}-{'seen' if seen else 'unseen'}", []
            if seen:
                (root / "runs" / name / "checkpoints").mkdir(parents=True)
                shutil.copy(root / "runs/warm/run.json", root / "runs" / name / "run.json")  # so that there is a page
                pages = [browser.new_page() for _ in range(3)]
                for page in pages:
                    page.goto(address + f"/run?name=runs/{name}")
                shutil.rmtree(root / "runs" / name)
            before = used(process)
            wall, core = trained(root, name, kimg)
            walls[seen].append(wall)
            cores[seen].append(core)
            spent += (used(process) - before) if seen else 0.0
            for page in pages:
                assert "step" in page.inner_text("#moment"), "the page has followed the training"
                page.close()
    return {
        "wall_unwatched": walls[False],
        "wall_watched": walls[True],
        "slower_wall": median_ratio(walls[True], walls[False]) - 1,
        "slower_processor": median_ratio(cores[True], cores[False]) - 1,
        "studio_core_share": spent / sum(walls[True]),
    }


def main() -> None:
    """Measure, print, and keep."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=float, default=20.0)
    parser.add_argument("--rounds", type=int, default=4)
    parser.add_argument("--kimg", type=float, default=3.0)
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
                "watched": watched(browser, address, process, root, asked.rounds, asked.kimg),
            }
        browser.close()
    for part, told in result.items():
        print(part)
        for name, value in told.items():
            print(f"  {name}: {value if isinstance(value, list | dict) else round(value, 4)}")
    keep(asked.json, result)


if __name__ == "__main__":
    main()
