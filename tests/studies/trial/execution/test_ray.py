"""A trial on a real Ray cluster of two nodes, one of which is killed in the middle: nothing lost, nothing twice."""

from __future__ import annotations

import os
import threading
import time
from pathlib import Path
from typing import Any

import pytest

import flawforge
import trial_material as material
from flawforge.core.errors import ExtraMissingError
from flawforge.runs.cells import read_cells
from flawforge.studies.trial.cells.work_list import work_list
from flawforge.studies.trial.execution.ray import RayCluster
from flawforge.studies.trial.setup.bench import load_bench

SMALL: dict[str, Any] = {
    "shots": (4,),
    "seeds": 3,
    "resolution": (32, 32),
    "steps": 40,
    "batch": 12,
    "made": 12,
    "share": 0.75,
    "folds": 0,
    "policy": "none",
    "generator": "trial_material:oracle",
    "models": ("trial_material:small_network",),
    "arms": ("classical", "generated"),
    "early_stop": False,
    "keep_model": False,
}


def test_without_ray_the_extra_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "ray", None)
    photos = material.draw_dataset(tmp_path / "photos", 12)
    with pytest.raises(ExtraMissingError, match=r"pip install 'flawforge\[ray\]'"):
        flawforge.trial(photos, tmp_path / "out", on="ray", **{**SMALL, "seeds": 1})


RARE = {"rare": ("dots",), "others": 10, "folds": 2, "arms": ("real", "classical", "filtered")}


@pytest.mark.nightly
@pytest.mark.parametrize("more", [{}, RARE], ids=["equal shots", "a rare class, with choices"])
def test_a_node_that_dies_costs_nothing(more: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ray = pytest.importorskip("ray", reason="the extra 'ray' is not installed")
    from ray.cluster_utils import Cluster

    paths = [str(Path(__file__).parents[3]), str(Path(flawforge.__file__).parents[1])]
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([*paths, os.environ.get("PYTHONPATH", "")]))
    photos = material.draw_dataset(tmp_path / "photos", 30)
    marks = tmp_path / "marks"
    marks.mkdir()
    monkeypatch.setenv("MARKS", str(marks))
    slow = {**SMALL, "models": ("trial_material:slow_network",), **more}
    small = {"num_cpus": 1, "object_store_memory": 80_000_000}
    cluster = Cluster(initialize_head=True, head_node_args={**small, "include_dashboard": False})
    second = cluster.add_node(**small)
    out = tmp_path / "out"
    done: list[Any] = []
    lost: list[str] = []
    again = RayCluster._again
    monkeypatch.setattr(RayCluster, "_again", lambda self, key, error: (lost.append(key.name), again(self, key, error)))
    try:
        ray.init(address=cluster.address, log_to_driver=False, configure_logging=False)
        assert len([node for node in ray.nodes() if node["Alive"]]) == 2
        work = threading.Thread(target=lambda: done.append(flawforge.trial(photos, out, on="ray", **slow)))
        work.start()
        while not list(marks.glob(f"{second.node_id}-*")):  # until a cell has just begun there
            assert work.is_alive(), "it ended by itself"
            time.sleep(0.05)
        cluster.remove_node(second, allow_graceful=False)
        work.join(600)
        assert not work.is_alive()
    finally:
        ray.shutdown()
        cluster.shutdown()
    (record,) = done
    assert lost, "the node was at work when it was killed"
    bench = load_bench(out)
    assert set(read_cells(out / "cells", bench.protocol)) == set(work_list(bench.settings))
    assert [one.seeds for one in record.results] == [[0, 1, 2]] * len(slow["arms"])
    monkeypatch.delenv("MARKS")
    here = flawforge.trial(photos, tmp_path / "here", workers=1, **slow)
    assert material.scrubbed(record) == material.scrubbed(here)
