"""Distances between whole gray levels: equal to the plain loop in every digit, by short products and without them."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from flawforge.metrics.neighbours import integers
from flawforge.metrics.neighbours.flips import AXES, apply_flip
from flawforge.metrics.neighbours.integers import closest, is_whole
from flawforge.metrics.neighbours.nearest import nearest, nearest_flipped

FLIPS = tuple(AXES)


@pytest.fixture(params=["short products", "float32 products"])
def way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    if request.param == "float32 products":
        monkeypatch.setattr(integers, "is_fast", lambda device: False)
    elif not integers.is_fast(torch.device("cpu")):
        pytest.skip("this processor has no short products")
    return str(request.param)


def pixels(shape: tuple[int, ...], seed: int) -> torch.Tensor:
    return torch.randint(0, 256, shape, generator=torch.Generator().manual_seed(seed), dtype=torch.uint8)


def table(queries: torch.Tensor, references: torch.Tensor, flips: tuple[str, ...]) -> np.ndarray:
    """Return (flips, Q, R) squared distances, in int64, pair by pair."""
    whole = references.long()
    rows = [[((apply_flip(whole, name) - q) ** 2).flatten(1).sum(1) for q in queries.long()] for name in flips]
    return np.array([[row.numpy() for row in one] for one in rows])


@pytest.mark.parametrize("shape", [(3, 3), (32, 32), (33, 31), (1, 300, 300)])
def test_equal_to_the_plain_loop_in_every_digit(way: str, shape: tuple[int, ...]) -> None:
    queries, references = pixels((9, *shape), 1), pixels((14, *shape), 2)
    queries[:3], references[:2], references[2] = 255, 0, 255  # the largest distances and norms there are
    found = nearest_flipped(queries, references, 4, FLIPS)
    squares = table(queries, references, FLIPS)
    best = squares.min(0)
    order = np.argsort(best, axis=1, kind="stable")[:, :4]
    assert np.array_equal(found.indices, order)
    assert np.array_equal(found.distances, np.sqrt(np.take_along_axis(best, order, 1).astype(np.float64)))
    assert np.array_equal(found.flips, np.take_along_axis(squares.argmin(0), order, 1))


def test_groups_ties_and_blocks_change_nothing(way: str) -> None:
    queries = pixels((7, 8, 8), 3) // 86  # three gray levels: many ties
    references = torch.cat([pixels((20, 8, 8), 4) // 86, queries, queries])
    own, theirs = np.arange(7), np.r_[np.arange(20) % 9, np.arange(7), np.arange(7) + 50]
    squares = table(queries, references, FLIPS[:1])[0].astype(np.float64)
    squares[own[:, None] == theirs] = np.inf
    expected = np.argsort(squares, axis=1, kind="stable")[:, :6]
    for cuts in ([34], [1, 33], [11, 11, 12]):
        blocks = torch.split(references, cuts)
        distances, indices = nearest(queries, blocks, 6, query_groups=own, reference_groups=theirs)
        assert np.array_equal(indices, expected)
        assert np.array_equal(distances, np.sqrt(np.take_along_axis(squares, expected, 1)))


def test_where_too_few_count_the_rest_is_none(way: str) -> None:
    images = pixels((4, 5, 5), 5)
    distances, indices = nearest(images, images, 3, query_groups=np.zeros(4, int), reference_groups=np.r_[0, 0, 0, 1])
    assert indices.tolist() == [[3, -1, -1]] * 4
    assert np.isinf(distances[:, 1:]).all()
    assert nearest(images, images[:0], 2)[1].tolist() == [[-1, -1]] * 4


def test_whole_queries_beside_other_numbers_are_measured_as_ever() -> None:
    queries, references = pixels((6, 9, 9), 6), pixels((11, 9, 9), 7)
    assert is_whole(queries, references)
    assert not is_whole(queries, references.float())
    for ours, theirs in ((queries, references.float()), (queries.float(), references), (queries, references.double())):
        mixed, whole = nearest_flipped(ours, theirs, 3, FLIPS), nearest_flipped(queries, references, 3, FLIPS)
        assert np.array_equal(mixed.indices, whole.indices)
        assert np.allclose(mixed.distances, whole.distances, rtol=1e-12)


def test_only_what_may_be_near_is_told(way: str) -> None:
    queries, references = pixels((5, 6, 6), 8), pixels((30, 6, 6), 9)
    far = np.full(5, np.inf)
    flip, query, reference, distance = closest(queries, references, ("identity",), far, 2, None)
    assert query.tolist() == np.repeat(np.arange(5), 2).tolist()
    assert set(flip.tolist()) == {0}
    second = distance.reshape(5, 2).max(1)
    again = closest(queries, references, ("identity",), second, 30, None)
    assert np.array_equal(again[2], reference), "a pair at the farthest distance wanted still counts"
    with pytest.raises(ValueError, match="queries have shape"):
        closest(queries, references[:, :5], ("identity",), far, 2, None)
