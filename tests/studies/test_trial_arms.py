"""Which images an arm trains on, and with which labels."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import torch

from flawforge.studies.trial_arms import Arms

CLASSES = ("good", "crack", "hole")
SOFT = np.array([[0.6, 0.3, 0.1], [0.2, 0.2, 0.6], [0.1, 0.8, 0.1]], np.float32)


def arms(task: str) -> Any:
    """Arms of a bench without images but for two changed copies of shots."""
    one = object.__new__(Arms)
    two = task == "good"
    one.width = 2 if two else 3
    one.bench = SimpleNamespace(  # type: ignore[assignment]
        dataset=SimpleNamespace(classes=CLASSES),
        targets=lambda labels: (labels > 0).astype(np.int64) if two else labels,
    )
    one.__dict__["views"] = (torch.zeros(2, 1, 4, 4, dtype=torch.uint8), torch.eye(one.width)[:2])
    return one


def made() -> dict[str, Any]:
    images = np.full((3, 1, 4, 4), 9, np.uint8)
    return {"images": images, "labels": np.array([0, 2, 1]), "soft": SOFT}


def test_taught_generated_images_bear_half_what_was_asked_and_half_what_the_teacher_says() -> None:
    found = arms("type")._taught(made(), np.array([0, 1]))
    assert found.images[:, 0, 0, 0].tolist() == [0, 0, 9, 9]  # the copies of shots stay beside them
    torch.testing.assert_close(found.labels[2:], torch.tensor([[0.8, 0.15, 0.05], [0.1, 0.1, 0.8]]))


def test_of_good_and_defective_the_teachers_defects_are_added_up() -> None:
    found = arms("good")._taught(made(), np.array([0, 2]))
    torch.testing.assert_close(found.labels[2:], torch.tensor([[0.8, 0.2], [0.05, 0.95]]))


def test_without_generated_images_the_copies_of_shots_are_all() -> None:
    for rows in (None, np.array([], np.int64)):
        assert len(arms("type")._taught(made(), rows)) == 2
