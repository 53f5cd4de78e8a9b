"""House rule 7 for new coverage, and its laws: copies bring chance, real images the most, groups count as one."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from flawforge.metrics.fidelity.new_coverage import NewCoverage, held_out_share, new_coverage
from metrics.contract import MetricContract, modes, normal


def shots_and_copies(seed: int, count: int = 128, shots: int = 5) -> tuple[Any, Any]:
    """Two draws of copies: each lies near one of five shots."""
    own = normal(shots, seed=500 + seed)
    return tuple(own[np.arange(count) % shots] + 0.3 * normal(count, seed=s + seed) for s in (600, 700))  # type: ignore[return-value]


class TestNewCoverage(MetricContract):
    """The share of the generated images, and how much above that of the second draw of copies it is."""

    faults = (0, 1, 2, 4, 20)
    higher_is_worse = False
    repeats = 2

    def measure(self, *sets: Any) -> list[float]:
        found = new_coverage(*sets)
        return [found.generated.value, found.above.value]

    def sets(self, seed: int, fault: float, sizes: tuple[int, ...] = (60, 80)) -> Any:
        copies, again = shots_and_copies(seed, sizes[1])
        return normal(12 + sizes[0], seed=seed), normal(sizes[1], seed=900 + seed) + fault, copies, again

    def identical(self) -> Any:
        copies, _ = shots_and_copies(0)
        return (normal(60), copies, copies, copies), [0, 0]

    def swapped(self, real: Any, generated: Any, copies: Any, again: Any) -> Any:
        found = new_coverage(real, generated, copies, again)
        return (real, again, copies, generated), [found.again.value, -found.above.value]

    def closed_forms(self) -> Any:
        real = np.arange(0, 120, 10.0)[:, None]  # 12 images, radii 50, 40, 30, six times 30 and so on back to 50
        copies, again, generated = (np.array([[value]]) for value in (0.0, 500.0, 110.0))
        # 0 lies in the balls of 0 (50), 10 (40), 20 (30), 30 (30); 110 in as many at the other end
        far = (real, copies, copies, generated)
        return [((real, generated, copies, again), [4 / 12, 4 / 12]), (far, [0, -4 / 12])]

    def reference(self, *sets: Any) -> list[float]:
        real, *others = sets
        far = np.sort(np.sqrt(np.square(real[:, None] - real[None]).sum(-1)), axis=1)[:, 5]
        new, old, again = (
            (np.sqrt(np.square(real[:, None] - one[None]).sum(-1)) <= far[:, None]).any(1) for one in others
        )
        shares = [float((hit & ~old).mean()) for hit in (new, again)]
        return [shares[0], shares[0] - shares[1]]

    def one_sided(self) -> Any:
        return []

    def test_one_sided(self) -> None:
        """A mode that copies lack is new; what copies reach is not, however well it is made."""
        two, lacking, shown = modes(200, -9, 9), modes(128, 9, seed=1), modes(128, -9, seed=2)
        copies, again = modes(128, -9, seed=3), modes(128, -9, seed=4)
        assert new_coverage(two, lacking, copies, again).generated.value == pytest.approx(0.5, abs=0.05)
        assert new_coverage(two, shown, copies, again).generated.value < 0.05


def found(generated: Any, **changes: Any) -> NewCoverage:
    copies, again = shots_and_copies(0)
    given = {"real": normal(170), "generated": generated, "copies": copies, "again": again} | changes
    return new_coverage(**given)


def test_a_third_draw_of_copies_brings_what_the_second_brings() -> None:
    own = normal(5, seed=500)[np.arange(128) % 5] + 0.3 * normal(128, seed=800)
    measured = found(own)
    assert abs(measured.above.value) < 0.05
    assert measured.above.low <= 0.02
    assert measured.kid_ratio == pytest.approx(1, abs=0.1)


def test_the_held_out_images_themselves_bring_all_that_copies_lack() -> None:
    real = normal(170)
    measured = found(real)
    nowhere = np.full((128, 4), 1e6)
    none_missed = 0.025 ** (1 / 170)
    assert found(real, copies=nowhere, again=nowhere)[:2] == ((1, none_missed, 1), (0, 0, 1 - none_missed))
    assert found(nowhere, again=nowhere).above == pytest.approx((0, none_missed - 1, 1 - none_missed))
    assert measured.generated.value > measured.real.value > measured.again.value
    others = found(normal(128, seed=77))
    assert others.generated.value == pytest.approx(measured.real.value, abs=0.12)
    assert others.generated.low < others.generated.value < others.generated.high
    assert others.kid is not None
    assert others.kid_copies is not None
    assert others.kid < others.kid_copies


def test_images_of_one_specimen_count_as_one() -> None:
    """Each held-out image four times: balls reach to other specimens, and the interval is that of a quarter."""
    single, made = normal(40), normal(128, seed=3)
    groups = np.repeat(np.arange(40), 4)
    fourfold = np.repeat(single, 4, axis=0)
    apart, grouped = found(made, real=fourfold), found(made, real=fourfold, real_groups=groups)
    alone = found(made, real=single)
    assert grouped.generated.high - grouped.generated.low == pytest.approx(
        alone.generated.high - alone.generated.low, rel=0.3
    )
    assert apart.again != grouped.again
    assert apart.generated.high - apart.generated.low < 0.6 * (grouped.generated.high - grouped.generated.low)
    wide = held_out_share(np.repeat(np.arange(40) % 2, 4), groups, 0)
    narrow = held_out_share(np.repeat(np.arange(40) % 2, 4), np.arange(160), 0)
    assert wide.high - wide.low == pytest.approx(2 * (narrow.high - narrow.low), rel=0.2)


def test_the_seed_decides_and_too_few_specimens_are_refused() -> None:
    made = normal(128, seed=3)
    assert found(made).real == found(made).real
    assert found(made, seed=1).real != found(made).real
    assert found(made, seed=1).generated.value == found(made).generated.value
    with pytest.raises(ValueError, match="real_groups holds 11 groups; this number needs at least 12"):
        found(made, real_groups=np.arange(170) % 11)


def test_without_a_distance_of_copies_there_is_no_ratio() -> None:
    real = normal(60)
    assert found(normal(9), copies=real, again=real, real=real).kid_ratio is None
    assert found(normal(1), copies=normal(1), again=normal(1)).kid is None
