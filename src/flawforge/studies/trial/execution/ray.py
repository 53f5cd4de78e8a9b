"""Cells on a Ray cluster: the same cells, the same record. What a node gives comes back and is written here.

The nodes need Flawforge, and no shared disk: the bench goes to Ray's object store once, and the cells that
read images at their own size carry their shots as files. A node that dies costs the cells that were on it, which are
begun again elsewhere. A cell counts once, when it is on the disk here.
"""

from __future__ import annotations

import contextlib
import os
import tempfile
from collections import Counter
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from flawforge.core.arrays import Ints
from flawforge.core.errors import ExtraMissingError, FlawforgeError, RunBrokenError, SettingError
from flawforge.core.files import write_bytes
from flawforge.core.settings.arms import ARMS
from flawforge.data.dataset import Dataset
from flawforge.runs.cells import CELLS, CellKey, write_cell
from flawforge.studies.trial.cells.work_list import GENERATOR, PLACED, Outcome, compute_cell
from flawforge.studies.trial.execution.local import Finished, read_inputs
from flawforge.studies.trial.setup.bench import Bench

ATTEMPTS = 5  # times that a cell may be lost with its node
INSIDE, OUTSIDE = "labelled", "unlabelled"  # folders of a payload
Payload = dict[str, bytes]  # the content of files by their paths


class RayCluster:
    """Works cells out on a Ray cluster, one core for each cell."""

    def __init__(self, bench: Bench, folder: Path, address: str | None, slots: int) -> None:
        """Join the cluster.

        Args:
            bench: of the trial.
            folder: of the trial, on this machine.
            address: of the cluster; None joins that of this machine, or starts one.
            slots: cells at a time; 0 takes the cluster's cores.

        Raises:
            ExtraMissingError: Ray is not installed. SettingError: there is no cluster at the address.
        """
        try:
            import ray
        except ImportError:
            raise ExtraMissingError("--on ray", "ray") from None
        self._ray, self._bench, self._folder = ray, bench, folder
        os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")  # cells without a GPU leave its variables be
        self._joined = not ray.is_initialized()
        if self._joined:
            try:
                ray.init(address=address, log_to_driver=False, include_dashboard=False, configure_logging=False)
            except ConnectionError as error:
                raise SettingError(
                    f"--address {address}: there is no Ray cluster ({error}). Start one: ray start --head"
                ) from None
            except ValueError:  # Ray joined a running cluster, where a dashboard cannot be decided
                ray.init(address=address, log_to_driver=False, configure_logging=False)
        resources: dict[str, float] = ray.cluster_resources()  # type: ignore[no-untyped-call]
        self.slots = slots or max(1, int(resources.get("CPU", 1)))
        environment = {"env_vars": {"OMP_NUM_THREADS": "1", "OMP_WAIT_POLICY": "PASSIVE"}}
        self._remote = ray.remote(num_cpus=1, max_retries=0, runtime_env=environment)(_cell)
        self._store = ray.put(bench)
        self._under_way: dict[Any, CellKey] = {}
        self._lost: Counter[CellKey] = Counter()

    def submit(self, key: CellKey) -> None:
        """Hand a cell to Ray."""
        inputs = read_inputs(self._folder, key, self._bench.settings, self._bench.protocol)
        files = None
        if key.arm.startswith((GENERATOR, PLACED)) or (key.arm in ARMS and ARMS[key.arm].needs_masks):
            files = pack(self._bench, self._bench.shots(key.seed, key.shots))
        self._under_way[self._remote.remote(self._store, key, inputs, files)] = key

    def finished(self, timeout: float) -> list[Finished]:
        """Take what has come back, and write it; what was lost with a node is handed out again."""
        if not self._under_way:
            return []
        ready, _ = self._ray.wait(list(self._under_way), num_returns=1, timeout=timeout)
        done: list[Finished] = []
        for reference in ready:
            key = self._under_way.pop(reference)
            try:
                outcome: Outcome = self._ray.get(reference)
            except self._ray.exceptions.RayTaskError as error:
                if isinstance(error.cause, FlawforgeError):
                    raise error.cause from None
                raise RuntimeError(f"cell {key.name} failed on the cluster:\n{error}") from None
            except self._ray.exceptions.RayError as error:
                self._again(key, error)
                continue
            write_cell(self._folder / CELLS, key, self._bench.protocol, outcome.arrays, outcome.facts)
            done.append((key, float(outcome.facts["seconds"])))
        return done

    def close(self) -> None:
        """Cancel what is under way, and leave the cluster if we joined it."""
        for reference in self._under_way:
            with contextlib.suppress(self._ray.exceptions.RayError):
                self._ray.cancel(reference, force=True)
        self._under_way.clear()
        if self._joined:
            self._ray.shutdown()

    def _again(self, key: CellKey, error: Exception) -> None:
        self._lost[key] += 1
        if self._lost[key] >= ATTEMPTS:
            raise RunBrokenError(
                f"cell {key.name} was lost {ATTEMPTS} times on the cluster ({type(error).__name__}). Look at the "
                f"nodes' memory and logs. What is done is kept; run the same command again "
                f"to resume."
            ) from error
        self.submit(key)


def _cell(bench: Bench, key: CellKey, inputs: Mapping[CellKey, Outcome], files: Payload | None) -> Outcome:
    """Work out one cell on a node."""
    import torch

    torch.set_num_threads(1)
    if files is None:
        return compute_cell(bench, key, inputs, None)
    with tempfile.TemporaryDirectory() as directory:
        return compute_cell(unpack(files, bench, Path(directory)), key, inputs, None)


def pack(bench: Bench, indices: Ints) -> Payload:
    """Return the files of these images of the bench, and of all unlabelled ones."""
    files: Payload = {}
    for part, root in ((bench.dataset.take(indices.tolist()), INSIDE), (bench.outside, OUTSIDE)):
        for sample in part.samples if part is not None else ():
            for name in (sample.path, *sample.mask_files):
                if part is not None:
                    files[f"{root}/{name}"] = (part.root / name).read_bytes()
    return files


def unpack(files: Payload, bench: Bench, folder: Path) -> Bench:
    """Write the files below a folder and return the bench that finds them there.

    Raises:
        RunBrokenError: a name leads outside the folder.
    """
    for name, content in files.items():
        path = folder / name
        if not path.resolve().is_relative_to(folder.resolve()):
            raise RunBrokenError(f"a payload names {name}, which lies outside its folder.")
        path.parent.mkdir(parents=True, exist_ok=True)
        write_bytes(path, content, durable=False)

    def there(data: Dataset, root: str) -> Dataset:
        return replace(data, root=folder / root)

    outside = None if bench.outside is None else there(bench.outside, OUTSIDE)
    return replace(bench, dataset=there(bench.dataset, INSIDE), outside=outside)
