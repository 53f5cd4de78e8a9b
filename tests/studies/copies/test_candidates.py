from __future__ import annotations

import numpy as np
import torch

from flawforge.studies.copies.candidates import CandidateSearch


def blobs(seed: int) -> np.ndarray:
    coarse = np.random.default_rng(seed).uniform(0, 255, (8, 8))
    return np.kron(coarse, np.ones((8, 8))).astype(np.float32)


def test_descriptions_of_training_images_are_joined_once() -> None:
    grays = torch.from_numpy(np.stack([blobs(seed) for seed in range(6)]))
    parts, whole = CandidateSearch(torch.device("cpu")), CandidateSearch(torch.device("cpu"))
    for part in grays.split(2):
        parts.add(part)
    whole.add(grays)
    found = parts.candidates(grays)
    joined = parts._rows[0].data_ptr()
    assert (parts.candidates(grays) == found).all()
    assert (whole.candidates(grays) == found).all()
    assert found[:, 0].tolist() == list(range(6))
    assert [rows.data_ptr() for rows in parts._rows] == [joined]
