"""``generate --novel``: copies are passed over and counted, and image i stays what it was."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from flawforge.core.errors import DataUnusableError
from flawforge.core.progress import SILENT
from flawforge.data.dataset import Dataset
from flawforge.runs.folder import Run
from flawforge.studies.synthesis.copy_filter import CopyFilter, check_yield
from flawforge.studies.synthesis.run import generate


@pytest.fixture
def run(make_run: Any, monkeypatch: pytest.MonkeyPatch) -> Run:
    monkeypatch.setattr(Dataset, "groups", lambda self, progress=None: np.arange(len(self), dtype=np.int64))
    made: Run = make_run()
    return made


def every_third(self: CopyFilter, images: np.ndarray) -> np.ndarray:
    """Call images copies whose index in the batch is a multiple of three."""
    return np.arange(len(images)) % 3 != 0


def test_dropped_indices_are_skipped_and_counted_and_the_rest_is_unchanged(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    plain = {entry.index: entry.sha256 for entry in generate(run, 12, out=run.path / "plain").entries()}
    monkeypatch.setattr(CopyFilter, "novel", every_third)
    made = generate(run, 5, novel=True)
    entries = list(made.entries())
    assert [entry.index for entry in entries] == [1, 2, 4, 5, 7]
    assert all(entry.sha256 == plain[entry.index] for entry in entries)
    assert made.facts["dropped"] == {"scratches": 3}
    more = generate(run, 7, novel=True)
    assert [entry.index for entry in more.entries()] == [1, 2, 4, 5, 7, 8, 10]
    assert more.facts["dropped"] == {"scratches": 4}


def test_a_set_with_and_one_without_copies_are_not_mixed(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    from flawforge.core.errors import RunExistsError

    monkeypatch.setattr(CopyFilter, "novel", every_third)
    generate(run, 3)
    with pytest.raises(RunExistsError, match="novel None instead of True"):
        generate(run, 3, novel=True)


def test_a_training_image_is_no_novelty(run: Run) -> None:
    import torch

    from flawforge.data.reading.load import load

    data = load(run.settings.data.source)
    judge = CopyFilter(run, None, torch.device("cpu"), SILENT)
    seen = data.pixels((16, 16), 1)[:4, None].astype(np.float32) / 127.5 - 1
    assert not judge.novel(seen).any()


def test_one_specimen_is_too_few(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Dataset, "groups", lambda self, progress=None: np.zeros(len(self), dtype=np.int64))
    with pytest.raises(DataUnusableError, match="--novel needs to know how alike images of different specimens are"):
        generate(run, 3, novel=True)


def test_a_generator_of_copies_alone_is_given_up(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(CopyFilter, "novel", lambda self, images: np.zeros(len(images), dtype=bool))
    with pytest.raises(DataUnusableError, match="has memorised them"):
        generate(run, 3, novel=True)
    check_yield("dents", 100, 50)
