"""``flawforge pod``: from a folder to the sentence, the record and the section of the report."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import flawforge
from flawforge.data.dataset import Dataset

Typed = Callable[..., int]
GUIDE = Path(__file__).parents[2] / "docs" / "guide" / "pod.md"
MODULE = """
import numpy as np

def inspect(images):
    return [float(np.clip(((np.median(image) - image > 25).sum() - 6) / 24, 0, 1)) for image in images]
"""


def draw_photos(root: Path) -> None:
    """Good plates, and scratched ones with masks beside."""
    rng = np.random.default_rng(0)
    for part in ("good", "scratch", "masks/scratch"):
        (root / part).mkdir(parents=True)
    for number in range(10):
        Image.fromarray(rng.normal(120, 3, (48, 64)).astype(np.uint8)).save(root / "good" / f"{number}.png")
        image, mask = rng.normal(120, 3, (48, 64)), np.zeros((48, 64), np.uint8)
        mask[10 + number : 12 + number, 20 : 28 + 2 * number] = 255
        image[mask > 0] -= 50
        Image.fromarray(image.astype(np.uint8)).save(root / "scratch" / f"s{number}.png")
        Image.fromarray(mask).save(root / "masks" / "scratch" / f"s{number}.png")


def test_the_line_of_the_guide_runs_and_the_report_shows_it(
    typed: Typed, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Dataset, "groups", lambda self, progress=None: np.arange(len(self), dtype=np.int64))
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    (tmp_path / "line3.py").write_text(MODULE)
    draw_photos(tmp_path / "photos")
    flawforge.train(flawforge.load("photos").select(["scratch"], 5), "runs/scratch", recipe="compose")
    (line,) = [line for line in GUIDE.read_text(encoding="utf-8").splitlines() if line.startswith("flawforge pod")]
    words = line.split()[1:]
    assert typed(*words, "--data", "photos", "-n", "24") == 0
    told = capsys.readouterr().out
    assert told.startswith("This inspection finds 9 of 10 defects of scratch from ")
    for part in ("real held-out images of scratch", "a90/95", "Of 10 held-out good images (10 specimens) it calls 0"):
        assert part in told
    assert "next: flawforge report runs/scratch" in told
    assert typed(*words, "--data", "photos") == 1
    assert "Add --overwrite to replace it" in " ".join(capsys.readouterr().err.split())
    assert typed(*words, "--data", "photos", "-n", "20", "--json", "--overwrite") == 0
    record = json.loads(capsys.readouterr().out)
    assert len(record["classes"][0]["placed"]) == 20

    assert typed("report", "runs/scratch") == 0
    page = Path("runs/scratch/report.html").read_text(encoding="utf-8")
    assert record["sentence"] in page
    assert page.count('id="detection"') == 1
    assert page.count("<b>") >= 6
    assert "no picture kept" not in page[page.index('id="detection"') : page.index('id="reproduce"')]
    damaged = Path("runs/scratch/records/pod.json")
    damaged.write_text(damaged.read_text()[:100])
    assert typed("report", "runs/scratch") == 0
    page = Path("runs/scratch/report.html").read_text(encoding="utf-8")
    assert "Make it again with: flawforge pod runs/scratch --inspector MODEL --overwrite" in page
