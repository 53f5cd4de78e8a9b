"""The arrows of the house point down only, and light things stay light."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

import flawforge

ROOT = Path(__file__).resolve().parents[2]


def run(code: str) -> str:
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return done.stdout.strip()


def test_no_room_imports_one_above_it() -> None:
    linter = Path(sys.executable).with_name("lint-imports")
    if not linter.exists():
        pytest.skip("import-linter is not installed")
    done = subprocess.run([linter], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout


def test_importing_the_package_and_asking_for_help_load_no_torch() -> None:
    assert run("import flawforge, sys; print('torch' in sys.modules)") == "False"
    code = """
import sys
from flawforge.cli.main import main
for words in ([], ["train", "--help"], ["serve", "--help"], ["studio", "--help"], ["run"], ["recipes"]):
    try:
        main(words)
    except SystemExit as stop:
        assert stop.code in (0, None), stop.code
print([name for name in ("torch", "matplotlib", "numpy", "fastapi", "uvicorn", "onnx") if name in sys.modules])
"""
    assert run(code).splitlines()[-1] == "[]"


@pytest.mark.slow
def test_a_small_job_never_imports_torchvision(tmp_path: Path) -> None:
    code = f"""
import sys
import numpy as np
from pathlib import Path
from PIL import Image
folder = Path({str(tmp_path / "data")!r})
folder.mkdir()
for i in range(4):
    Image.fromarray(np.random.default_rng(i).integers(0, 255, (16, 16)).astype("uint8")).save(folder / f"{{i}}.png")
import flawforge
from flawforge.metrics.copying import copy_score, placement
from flawforge.studies.copies import search
search.PLANTED, copy_score.HYPOTHESES, copy_score.STEPS = 2, 1, (1, 1)
placement.POSES = placement.POSES[:1]
small = dict(resolution=16, generator_depth=2, discriminator_depth=2, batch=4)
run = flawforge.train(folder, {str(tmp_path / "run")!r}, kimg=0.008, **small)
flawforge.generate(run, 4)
flawforge.audit(run)
flawforge.score(run)
flawforge.report(run)
print([name for name in ("torchvision", "timm") if name in sys.modules])
"""
    assert run(code).splitlines()[-1] == "[]"


def test_the_public_names_are_sorted_and_all_there() -> None:
    assert list(flawforge.__all__) == sorted(flawforge.__all__)
    for name in flawforge.__all__:
        assert getattr(flawforge, name) is not None, name
    with pytest.raises(AttributeError, match="has no attribute 'trian'"):
        flawforge.trian  # noqa: B018
