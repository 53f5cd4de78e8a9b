"""What a person gets who builds or installs the package: its licence, its authors, and all that a source needs."""

from __future__ import annotations

import email
import hashlib
import runpy
import subprocess
import sys
import tarfile
import tomllib
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Build a wheel and a source distribution of this checkout."""
    out = tmp_path_factory.mktemp("built")
    pip = [
        sys.executable,
        "-m",
        "pip",
        "wheel",
        "--quiet",
        "--no-deps",
        "--no-build-isolation",
        "--wheel-dir",
        out,
        ROOT,
    ]
    hatchling = [sys.executable, "-m", "hatchling", "build", "--target", "sdist", "--directory", out]
    for words in (pip, hatchling):
        done = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
    return out


def test_the_wheel_holds_the_package_its_licence_and_nothing_else(built: Path) -> None:
    (file,) = built.glob("flawforge-*.whl")
    with zipfile.ZipFile(file) as wheel:
        names = wheel.namelist()
        (metadata,) = (name for name in names if name.endswith(".dist-info/METADATA"))
        about = email.message_from_bytes(wheel.read(metadata))
        for name in ("LICENSE", "NOTICE"):
            (inside,) = (one for one in names if one.endswith(f".dist-info/licenses/{name}"))
            assert wheel.read(inside) == (ROOT / name).read_bytes()
    assert {name.split("/")[0].split("-")[0] for name in names} == {"flawforge"}
    assert "flawforge/py.typed" in names
    assert any(name.startswith("flawforge/reports/templates/") for name in names)
    assert about["License-Expression"] == "Apache-2.0"
    assert about.get_all("License-File") == ["LICENSE", "NOTICE"]
    assert about["Author"] == "Flawforge maintainers"


def test_the_source_distribution_holds_what_the_tests_and_the_site_need(built: Path) -> None:
    (file,) = built.glob("flawforge-*.tar.gz")
    with tarfile.open(file) as source:
        names = {name.partition("/")[2] for name in source.getnames()}
    wanted = {
        "CHANGELOG.md",
        "CITATION.cff",
        "CONTRIBUTING.md",
        "LICENSE",
        "Makefile",
        "NOTICE",
        "README.md",
        "SECURITY.md",
        "benchmarks/size.py",
        "constraints.txt",
        "docs/benchmarks.md",
        "pyproject.toml",
        "scripts/check",
        "src/flawforge/__init__.py",
        "tests/conftest.py",
        "tests/old_folders/run/run.json",
    }
    assert wanted <= names
    assert not any(name.startswith((".venv", "runs/", "site/")) for name in names)


def test_the_licence_is_the_standard_text() -> None:
    """The SHA-256 of the text of the Apache License 2.0 as the Apache Software Foundation and Debian distribute it."""
    digest = hashlib.sha256((ROOT / "LICENSE").read_bytes()).hexdigest()
    assert digest == "cfc7749b96f63bd31c3c42b5c471bf756814053e847c10f3eb003417bc523d30"


def test_version_and_citation_agree() -> None:
    import flawforge

    assert f"\nversion: {flawforge.__version__}\n" in (ROOT / "CITATION.cff").read_text(encoding="utf-8")
    assert f"\n## {flawforge.__version__}\n" in (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")


def test_every_picture_of_the_documentation_shows_no_image_of_others_or_is_named_in_the_notice() -> None:
    notice = (ROOT / "NOTICE").read_text(encoding="utf-8")
    own = {"audit-calibration.png", "quality-for-time.png", "trial-calibration.png", "trial-neu.png", "report.png"}
    own |= {
        "composed.png",
        "placed.png",
        *(f"studio-{page}.png" for page in ("all", "data", "explore", "images", "job", "map", "place", "run")),
        *(f"studio-{page}.png" for page in ("search", "start", "trial")),
    }  # of what we drew
    for picture in sorted((ROOT / "docs" / "images").iterdir()):
        assert picture.name in own or f"docs/images/{picture.name}" in notice, picture


def test_each_dependency_names_its_lowest_version_which_the_check_of_compatibility_installs() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    floors = runpy.run_path(str(ROOT / "scripts" / "compatibility"))["floors"]
    lowest = floors(project)
    assert len(lowest) >= len(project["dependencies"]) + 3
    assert {one.replace("==", ">=") for one in lowest} >= set(project["dependencies"])
    with pytest.raises(ValueError, match="'torch' names no lowest version"):
        floors({**project, "dependencies": ["torch"]})
