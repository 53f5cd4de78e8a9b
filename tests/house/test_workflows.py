"""The workflow files: valid YAML, steps that exist here, and no version claimed that they do not test."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import Any

import pytest

yaml = pytest.importorskip("yaml")

ROOT = Path(__file__).resolve().parents[2]
WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))


def read(file: Path) -> dict[str, Any]:
    content: dict[str, Any] = yaml.safe_load(file.read_text(encoding="utf-8"))
    return content


@pytest.mark.parametrize("file", WORKFLOWS, ids=lambda file: file.name)
def test_a_workflow_is_whole_and_its_steps_exist(file: Path) -> None:
    workflow = read(file)
    assert workflow["permissions"] == {"contents": "read"}
    for job in workflow["jobs"].values():
        assert job["timeout-minutes"] > 0
        for step in job["steps"]:
            assert ("uses" in step) != ("run" in step)
            assert re.fullmatch(r"[\w/-]+@v\d+", step.get("uses", "a/b@v1"))
            for script in re.findall(r"(?:scripts/|\.ci/)[\w.-]+", step.get("run", "")):
                assert (ROOT / script).is_file(), script


def test_each_python_that_is_claimed_is_tested_and_the_oldest_versions_too() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    jobs = read(ROOT / ".github" / "workflows" / "ci.yml")["jobs"]
    rows = jobs["versions"]["strategy"]["matrix"]["include"]
    claimed = {line.rpartition(" ")[2] for line in project["classifiers"] if re.search(r":: 3\.\d+$", line)}
    assert {row["python"] for row in rows} == claimed
    assert f">={min(claimed)}" == project["requires-python"]
    assert {row["versions"] for row in rows} == {"oldest", "pinned", "newest"}
