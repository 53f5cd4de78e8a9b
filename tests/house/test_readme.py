"""House rule 10: what the README shows is run."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

ROOT = Path(__file__).resolve().parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"^```(\w+)\n(.*?)^```$", README, flags=re.MULTILINE | re.DOTALL)


def blocks(language: str) -> list[str]:
    return [body for name, body in BLOCKS if name == language]


def scrubbed(text: str) -> list[str]:
    """Numbers, and the width of columns, are not compared."""
    return [re.sub(r"\s+", " ", re.sub(r"[\d.,]*\d", "#", line)).strip() for line in text.splitlines() if line.strip()]


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    """A folder per class: 16 scratches and 12 stains, drawn."""
    rng = np.random.default_rng(0)
    for label, count in (("scratch", 16), ("stain", 12)):
        (tmp_path / "photos" / label).mkdir(parents=True)
        for i in range(count):
            image = rng.normal(110, 12, (64, 80))
            if label == "scratch":
                image[:, rng.integers(5, 75)] += 100
            else:
                y, x = np.mgrid[:64, :80]
                image -= 60 * np.exp(-((y - rng.integers(10, 50)) ** 2 + (x - rng.integers(10, 70)) ** 2) / 60)
            Image.fromarray(image.clip(0, 255).astype(np.uint8)).save(tmp_path / "photos" / label / f"{i:02d}.png")
    return tmp_path


def run(words: list[str], folder: Path) -> str:
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    environment = {**os.environ, "PATH": path, "OMP_NUM_THREADS": "1"}
    done = subprocess.run(words, cwd=folder, capture_output=True, text=True, check=False, env=environment)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_every_block_is_of_a_kind_that_is_run_here() -> None:
    assert {name for name, _ in BLOCKS} == {"sh", "text", "console", "python"}


def test_the_two_commands_are_targets_of_the_makefile() -> None:
    (block,) = blocks("sh")
    assert block.split("\n") == ["make demo", "make test", ""]
    for line in block.split("\n")[:-1]:
        done = subprocess.run([*line.split(), "-n"], cwd=ROOT, capture_output=True, text=True, check=True)
        assert "flawforge run" in done.stdout or "pytest" in done.stdout


@pytest.mark.nightly
def test_the_demo_ends_with_the_lines_that_are_shown(tmp_path: Path) -> None:
    plan = subprocess.run(["make", "-n", "demo"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    draw, demo = (line.split()[1:] for line in plan.splitlines() if "/flawforge " in line)
    run(["flawforge", *draw, "-n", "24"], tmp_path)
    for option, value in {"--kimg": "0.2", "--shots": "12"}.items():
        demo[demo.index(option) + 1] = value
    small = ["--resolution", "32", "--generator-depth", "4", "--discriminator-depth", "4"]
    shown = run(["flawforge", *demo, *small], tmp_path)
    (expected,) = blocks("text")
    assert scrubbed(shown)[-1] == scrubbed(expected)[-1]
    assert len(scrubbed(shown)) == len(scrubbed(expected))  # what it finds differs with the time that it has
    assert (tmp_path / "runs" / "demo" / "report.html").is_file()


@pytest.mark.slow
@pytest.mark.parametrize("block", blocks("console"), ids=lambda block: block.split("\n")[0][2:40])
def test_a_session_prints_what_is_shown(block: str, photos: Path) -> None:
    command, _, expected = block.partition("\n")
    words = command.removeprefix("$ ").split()
    if "--minutes" in words:
        words += [
            "--kimg",
            "0.08",
            "--resolution",
            "32",
            "--generator-depth",
            "4",
            "--discriminator-depth",
            "4",
            "--batch",
            "4",
            "-n",
            "12",
        ]
    shown, expected_lines = scrubbed(run(words, photos)), scrubbed(expected)
    if words[1] == "run":  # what it finds differs with the time that it has; what it tells does not
        assert len(shown) == len(expected_lines)
        shown, expected_lines = shown[-1:], expected_lines[-1:]
    assert shown == expected_lines


@pytest.mark.parametrize("block", blocks("python"))
def test_the_python_runs(
    block: str, photos: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], quick_audit: None
) -> None:
    monkeypatch.chdir(photos)
    small = "kimg=0.02, generator_depth=4, discriminator_depth=4, batch=4"
    assert block.count("kimg=0.1") == 1
    names: dict[str, Any] = {}
    exec(block.replace("kimg=0.1", small), names)
    assert (names["image"].shape[0], names["label"], len(names["new"])) == (1, 0, 16)
    assert len(capsys.readouterr().out.splitlines()) == 2


def test_every_verb_is_named() -> None:
    from flawforge.cli.main import app

    verbs = {name for name in app if not name.startswith("-")}
    (line,) = [line for line in README.splitlines() if "`flawforge VERB --help` teaches each command" in line]
    assert set(re.findall(r"`([\w-]+)`", line)) == verbs


def test_where_the_command_lies_after_the_demo_is_said() -> None:
    assert "`. .venv/bin/activate`" in README
    plan = subprocess.run(["make", "-n", "demo"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    assert ".venv/bin/flawforge run" in plan


def test_every_link_leads_somewhere() -> None:
    for target in re.findall(r"\]\(([^)#]+)\)", README):
        if not target.startswith("http"):
            assert (ROOT / target).exists(), target
