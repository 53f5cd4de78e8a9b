"""What must hold of every metric: house rule 7, seven properties in one place. A test class fills in what differs."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from flawforge.metrics import vectors

Sets = tuple[Any, ...]


def normal(n: int, d: int = 4, shift: float = 0.0, scale: float = 1.0, seed: int = 0) -> Any:
    return np.random.default_rng(seed).standard_normal((n, d)) * scale + shift


def modes(n: int, *centres: float, seed: int = 0) -> Any:
    """Return (n, 4) vectors, equally many around each centre."""
    rng = np.random.default_rng(seed)
    return np.concatenate([rng.normal(centre, 1, (n // len(centres), 4)) for centre in centres])


class MetricContract:
    """The seven properties of a metric of sets, usually a real and a generated one; a subclass is a test class.

    Unless a subclass says otherwise, the fault is a shift of all generated vectors, the metric is symmetric, and 0 for
    equal sets.
    """

    faults: tuple[float, ...] = (0, 0.3, 0.6, 1, 2)
    higher_is_worse = True
    repeats = 1  # draws whose mean grows with the fault, where a single one has luck in it
    rel = 1e-9  # rounding

    def measure(self, *sets: Any) -> Any:
        """Return the metric's number."""
        raise NotImplementedError

    def reference(self, *sets: Any) -> Any:
        """Return the number by its definition, slow and written another way."""
        raise NotImplementedError

    def closed_forms(self) -> list[tuple[Sets, Any]]:
        """Return sets for which the number is known, and the number."""
        raise NotImplementedError

    def one_sided(self) -> list[tuple[Sets, float, float]]:
        """Return sets that have a fault on one side, with the lowest and the highest number that is right."""
        raise NotImplementedError

    def sets(self, seed: int, fault: float, sizes: tuple[int, ...] = (60, 80)) -> Sets:
        """Return sets of these sizes, the last one with so much of the fault."""
        return normal(sizes[0], seed=seed), normal(sizes[1], seed=900 + seed) + fault

    def identical(self) -> tuple[Sets, Any]:
        """Return equal sets, and their number."""
        x = normal(60, shift=100)
        return (x, x[::-1]), 0

    def swapped(self, *sets: Any) -> tuple[Sets, Any]:
        """Return the sets swapped, and what the number must be then."""
        return sets[::-1], self.measure(*sets)

    def test_identity(self) -> None:
        sets, expected = self.identical()
        assert self.measure(*sets) == pytest.approx(expected, rel=self.rel, abs=self.rel)

    def test_swap(self) -> None:
        sets, expected = self.swapped(*self.sets(0, self.faults[2]))
        assert self.measure(*sets) == pytest.approx(expected, rel=self.rel)

    def test_closed_form(self) -> None:
        for sets, expected in self.closed_forms():
            assert self.measure(*sets) == pytest.approx(expected, rel=self.rel, abs=self.rel)

    def test_monotone_in_the_fault(self) -> None:
        rows = [
            np.mean([self.measure(*self.sets(s, fault)) for s in range(self.repeats)], axis=0) for fault in self.faults
        ]
        steps = np.diff(rows, axis=0) * (1 if self.higher_is_worse else -1)
        assert (steps >= 0).all()
        assert (steps.sum(axis=0) > 0).all()

    def test_seed_and_order(self) -> None:
        sets = self.sets(0, self.faults[1])
        again = [x[np.random.default_rng(1).permutation(len(x))] for x in sets]
        assert self.measure(*sets) == self.measure(*sets)
        assert self.measure(*again) == pytest.approx(self.measure(*sets), rel=self.rel)

    @pytest.mark.parametrize("sizes", [(7, 40), (60, 9), (31, 17)])
    def test_unequal_sizes_and_blocks(self, sizes: tuple[int, int], monkeypatch: pytest.MonkeyPatch) -> None:
        sets = self.sets(3, self.faults[1], sizes)
        assert self.measure(*sets) == pytest.approx(self.reference(*sets), rel=max(self.rel, 1e-6))
        whole = self.measure(*sets)
        monkeypatch.setattr(vectors.row_blocks, "__defaults__", (3,))
        assert self.measure(*sets) == pytest.approx(whole, rel=self.rel)

    def test_one_sided(self) -> None:
        for number, (sets, low, high) in enumerate(self.one_sided()):
            assert low <= self.measure(*sets) <= high, number
