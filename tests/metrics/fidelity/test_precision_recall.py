"""House rule 7 for precision, recall, density and coverage."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from flawforge.metrics import vectors
from flawforge.metrics.fidelity.precision_recall import density_coverage, precision_recall, realism


def normal(n: int, d: int = 4, shift: float = 0.0, seed: int = 0) -> Any:
    return np.random.default_rng(seed).standard_normal((n, d)) + shift


def column(*values: float) -> Any:
    return np.array(values, dtype=np.float64)[:, None]


def all_four(real: Any, generated: Any, k: int = 3) -> list[float]:
    return [*precision_recall(real, generated, k=k)[:2], *density_coverage(real, generated, k=k)[:2]]


@pytest.mark.parametrize("outlier", [0.0, 1e6, 1e10])
def test_identity(outlier: float) -> None:
    # each vector lies in its own ball and, on the rims at least, in k others on average: density (k + 1) / k.
    # With one vector far out, the estimates are off by more than distances differ; the rims hold all the same.
    x = normal(60, 40)
    x[0] += outlier
    assert all_four(x, x) == [1, 1, pytest.approx(4 / 3, rel=1e-12), 1]


def test_swap_exchanges_precision_and_recall() -> None:
    x, y = normal(50), normal(70, shift=0.5, seed=1)
    there, back = precision_recall(x, y), precision_recall(y, x)
    assert there[:2] == back[:2][::-1]
    assert there.precision != there.recall


def test_closed_form_on_a_line() -> None:
    real = column(0, 1, 3, 7)  # radii to the first neighbour: 1, 1, 2, 4; balls [-1,1] [0,2] [1,5] [3,11]
    generated = column(-1, 2, 4, 12)  # radii 3, 2, 2, 8; balls [-4,2] [0,4] [2,6] [4,20]
    found = precision_recall(real, generated, k=1)
    assert found[:2] == (0.75, 1.0)
    spread = density_coverage(real, generated, k=1)
    assert spread[:2] == (1.25, 1.0)
    assert realism(real, generated, k=1).tolist() == [1, 1, 1 / 3, 1 / 11]  # balls of radius 1 alone, the median is 1.5
    assert realism(real, real, k=1)[:2].tolist() == [np.inf, np.inf]


def expected_coverage(real: int, generated: int, k: int = 5) -> float:
    """The formula of `DensityCoverage`."""
    return 1 - float(np.prod([(real - i) / (real + generated - i) for i in range(1, k + 1)]))


def test_coverage_and_density_of_one_distribution_are_the_expected_ones() -> None:
    assert expected_coverage(10, 10, 1) == pytest.approx(1 - 9 / 19)
    draws = [density_coverage(normal(40, seed=s), normal(30, seed=900 + s))[:2] for s in range(200)]
    density, coverage = np.array(draws).T
    assert abs(coverage.mean() - expected_coverage(40, 30)) < 5 * coverage.std() / np.sqrt(200)
    assert abs(density.mean() - 1) < 5 * density.std() / np.sqrt(200)


def test_they_fall_as_the_fault_grows() -> None:
    sets = [(normal(80, seed=s), normal(80, seed=900 + s)) for s in range(20)]  # one pair alone has luck in it
    values = np.array([np.mean([all_four(x, y + t) for x, y in sets], axis=0) for t in (0, 0.5, 1, 2, 10)])
    assert (np.diff(values, axis=0) <= 0).all()
    assert values[-1].tolist() == [0, 0, 0, 0]


def test_nothing_is_drawn_and_the_order_does_not_matter() -> None:
    x, y = normal(40), normal(50, seed=1)
    assert all_four(x, y) == all_four(x, y)
    assert all_four(x[::-1], y[::-1]) == pytest.approx(all_four(x, y), rel=1e-12)


def test_unequal_sizes_agree_with_the_definition_whatever_the_block(monkeypatch: pytest.MonkeyPatch) -> None:
    x, y = normal(31, 7), normal(17, 7, 0.3, 1)
    far = np.sqrt(np.square(x[:, None] - y[None]).sum(-1))
    own, theirs = (np.sort(np.sqrt(np.square(s[:, None] - s[None]).sum(-1)), axis=1)[:, 3] for s in (x, y))
    expected = [
        (far <= own[:, None]).any(0).mean(),
        (far <= theirs[None]).any(1).mean(),
        (far <= own[:, None]).sum() / 3 / 17,
        (far <= own[:, None]).any(1).mean(),
    ]
    assert all_four(x, y) == pytest.approx(expected, rel=1e-12)
    monkeypatch.setattr(vectors.row_blocks, "__defaults__", (4,))
    assert all_four(x, y) == pytest.approx(expected, rel=1e-12)


def test_a_missing_mode_lowers_recall_and_an_added_one_precision() -> None:
    rng = np.random.default_rng(0)
    two = np.concatenate([rng.normal(-5, 1, (100, 3)), rng.normal(5, 1, (100, 3))])
    one = rng.normal(-5, 1, (200, 3))
    missing, added = precision_recall(two, one), precision_recall(one, two)
    assert missing.precision > 0.9
    assert missing.recall < 0.55
    assert added.precision < 0.55
    assert added.recall > 0.9
    assert density_coverage(two, one).coverage < 0.55
    # half of the generated ones fall on the real mode: 100 to cover 200
    assert density_coverage(one, two).coverage == pytest.approx(expected_coverage(200, 100), abs=0.05)


def test_groups_make_balls_reach_other_material() -> None:
    real = column(0, 0.1, 1, 1.1, 5)
    generated = column(0.5, 0.6)
    assert precision_recall(real, generated, k=1).precision == 0
    assert precision_recall(real, generated, [0, 0, 1, 1, 2], k=1).precision == 1


def test_what_does_not_fit_is_told() -> None:
    with pytest.raises(ValueError) as caught:
        precision_recall(normal(3), normal(9))
    assert str(caught.value) == "k is 3; there are 3 vectors, and one of them has 2 in other groups"
    with pytest.raises(ValueError, match="k is 0; it is a number of neighbours, from 1"):
        density_coverage(normal(9), normal(9), k=0)


@pytest.mark.slow
def test_scikit_learn_finds_the_same_balls() -> None:
    neighbours = pytest.importorskip("sklearn.neighbors")
    x, y = normal(900, 112), normal(1300, 112, 0.05, 1)

    def share_inside(points: Any, centres: Any, k: int) -> Any:
        tree = neighbours.NearestNeighbors(n_neighbors=k + 1, algorithm="kd_tree").fit(centres)
        reach = tree.kneighbors(centres)[0][:, k]
        far = neighbours.NearestNeighbors(algorithm="kd_tree").fit(points)
        hits = np.zeros(len(points))
        for centre, radius in zip(centres, reach, strict=True):
            hits[far.radius_neighbors(centre[None], radius, return_distance=False)[0]] += 1
        return hits

    found = precision_recall(x, y)
    assert found.precision == (share_inside(y, x, 3) > 0).mean()
    assert found.recall == (share_inside(x, y, 3) > 0).mean()
    assert density_coverage(x, y).density == pytest.approx(share_inside(y, x, 5).mean() / 5, rel=1e-12)
