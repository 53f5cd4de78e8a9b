"""House rule 7 for precision, recall, density and coverage."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from flawforge.metrics.fidelity.precision_recall import density_coverage, precision_recall, realism
from metrics.contract import MetricContract, modes, normal


def column(*values: float) -> Any:
    return np.array(values, dtype=np.float64)[:, None]


def all_four(real: Any, generated: Any, k: int = 3) -> list[float]:
    return [*precision_recall(real, generated, k=k)[:2], *density_coverage(real, generated, k=k)[:2]]


def expected_coverage(real: int, generated: int, k: int = 5) -> float:
    """The formula of `DensityCoverage`."""
    return 1 - float(np.prod([(real - i) / (real + generated - i) for i in range(1, k + 1)]))


class TestAllFour(MetricContract):
    """Precision, recall, density and coverage, in this order."""

    faults = (0, 0.5, 1, 2, 10)
    higher_is_worse = False
    repeats = 20
    measure = staticmethod(all_four)

    def identical(self) -> Any:
        # each vector lies in its own ball and, on the rims at least, in k others on average: density (k + 1) / k
        x = normal(60, 40)
        return (x, x), [1, 1, 4 / 3, 1]

    def swapped(self, real: Any, generated: Any) -> Any:
        precision, recall = precision_recall(real, generated)[:2]
        assert precision != recall
        return (generated, real), [recall, precision, *self.reference(generated, real)[2:]]

    def closed_forms(self) -> Any:
        real = column(0, 10, 21, 33, 46)  # radii to the third neighbour: 33, 23, 21, 23, 36
        generated = column(-20, 10, 40, 100, 101)  # radii 120, 90, 60, 90, 91
        # balls that hold -20: the first; 10: all five; 40: [-2, 44] of the third, [10, 56], [10, 82]; 100, 101: none
        return [((real, generated), [3 / 5, 1, 9 / 15, 1]), ((real, real + 1000), [0] * 4)]

    def reference(self, x: Any, y: Any) -> Any:
        far = np.sqrt(np.square(x[:, None] - y[None]).sum(-1))
        own, theirs = (np.sort(np.sqrt(np.square(s[:, None] - s[None]).sum(-1)), axis=1)[:, 3] for s in (x, y))
        inside = far <= own[:, None]
        recall = (far <= theirs[None]).any(1).mean()
        return [inside.any(0).mean(), recall, inside.sum() / 3 / len(y), inside.any(1).mean()]

    def test_one_sided(self) -> None:
        """A missing mode lowers recall and coverage, an added one precision."""
        two, one = modes(200, -5, 5), modes(200, -5, seed=1)
        missing, added = precision_recall(two, one), precision_recall(one, two)
        assert missing.precision > 0.85 > 0.55 > missing.recall
        assert added.recall > 0.85 > 0.55 > added.precision
        assert density_coverage(two, one).coverage < 0.55
        # half of the generated ones fall on the real mode: 100 to cover 200
        assert density_coverage(one, two).coverage == pytest.approx(expected_coverage(200, 100), abs=0.05)


@pytest.mark.parametrize("outlier", [1e6, 1e10])
def test_one_vector_far_out_leaves_the_rims_where_they_are(outlier: float) -> None:
    """The estimates are off by more than distances differ."""
    x = normal(60, 40)
    x[0] += outlier
    assert all_four(x, x) == [1, 1, pytest.approx(4 / 3, rel=1e-12), 1]


def test_realism_on_a_line() -> None:
    real, generated = (
        column(0, 1, 3, 7),
        column(-1, 2, 4, 12),
    )  # radii of the real ones to the first neighbour: 1, 1, 2, 4
    assert precision_recall(real, generated, k=1)[:2] == (0.75, 1.0)
    assert density_coverage(real, generated, k=1)[:2] == (1.25, 1.0)
    assert realism(real, generated, k=1).tolist() == [1, 1, 1 / 3, 1 / 11]  # balls of radius 1 alone, the median is 1.5
    assert realism(real, real, k=1)[:2].tolist() == [np.inf, np.inf]


def test_coverage_and_density_of_one_distribution_are_the_expected_ones() -> None:
    assert expected_coverage(10, 10, 1) == pytest.approx(1 - 9 / 19)
    draws = [density_coverage(normal(40, seed=s), normal(30, seed=900 + s))[:2] for s in range(200)]
    density, coverage = np.array(draws).T
    assert abs(coverage.mean() - expected_coverage(40, 30)) < 5 * coverage.std() / np.sqrt(200)
    assert abs(density.mean() - 1) < 5 * density.std() / np.sqrt(200)


def test_groups_make_balls_reach_other_material() -> None:
    real = column(0, 0.1, 1, 1.1, 5)
    generated = column(0.5, 0.6)
    assert precision_recall(real, generated, k=1).precision == 0
    assert precision_recall(real, generated, [0, 0, 1, 1, 2], k=1).precision == 1


def test_what_does_not_fit_is_told() -> None:
    with pytest.raises(ValueError) as caught:
        precision_recall(normal(3), normal(9))
    assert str(caught.value) == "k is 3; there are 3 vectors, and one of them has 2 in other groups"
    with pytest.raises(ValueError, match="k is 0; there are 9 vectors"):
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
