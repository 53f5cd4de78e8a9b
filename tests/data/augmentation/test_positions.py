"""Where defects may lie: on the part, where real ones do, and at a rim only as they do."""

from __future__ import annotations

import numpy as np
import pytest

from flawforge.data.augmentation.positions import NOWHERE, REACH, Ground, Occurrence, Rims, find_corner, find_part
from flawforge.data.grouping.registration import turned

SIZE = (80, 120)
FORM = np.ones((10, 14), bool)


def ground(dark: int = 0) -> Ground:
    """Draw an even ground, with a dark strip of so many pixels beside the part on the left."""
    pixels = np.full(SIZE, 0.5, np.float32)
    pixels[:, :dark] = 0.02
    return Ground(pixels)


def drawn(where: Ground, wanted: Occurrence, others: list[Occurrence], count: int = 60) -> list[tuple[int, int]]:
    rng = np.random.default_rng(0)
    found = [find_corner(FORM, wanted, others, where, rng) for _ in range(count)]
    return [corner for corner in found if corner is not None]


def test_the_part_is_told_from_what_is_dark_beside_it() -> None:
    part = find_part(ground(20).pixels)
    assert part is not None
    assert abs(int((~part[40]).sum()) - 20) <= 1
    assert part[:, 30:].all()
    assert find_part(ground().pixels) is None
    spotted = ground().pixels.copy()
    spotted[:20, :20] = 0.02  # a dark corner is no ground beside a part
    assert find_part(spotted) is None


@pytest.mark.parametrize("radius", [30, 38])
def test_a_part_on_a_light_table_is_found(radius: int) -> None:
    down, right = np.ogrid[: SIZE[0], : SIZE[1]]
    disc = np.hypot(down - 40, right - 60) < radius
    noise = np.random.default_rng(0).normal(0, 0.01, SIZE)
    part = find_part((np.where(disc, 0.5, 0.97) + noise).astype(np.float32))
    assert part is not None
    assert (part ^ disc).mean() < 0.03
    stripes = np.where(down % 20 < 8, 0.5, 0.97) + noise
    assert find_part(stripes.astype(np.float32)) is None  # bright stripes of a surface


def test_a_part_that_is_less_than_half_of_its_image_is_found() -> None:
    down, right = np.ogrid[: SIZE[0], : SIZE[1]]
    disc = np.hypot(down - 40, right - 60) < 30
    around = np.where(disc, 0.5, 0.04).astype(np.float32) + np.random.default_rng(0).normal(0, 0.01, SIZE)
    part = find_part(around.astype(np.float32))
    assert part is not None
    assert (part ^ disc).mean() < 0.02
    where = Ground(around.astype(np.float32))
    at_edge = Occurrence((0.02, 0.02), NOWHERE)
    for top, left in drawn(where, at_edge, []):
        assert disc[top : top + 10, left : left + 14].all()
    printed = np.where((down % 20 < 8) & (right % 20 < 8), 0.5, 0.04).astype(np.float32)
    assert find_part(printed) is None  # a dark surface with bright print


def test_what_never_touches_a_rim_is_never_put_there() -> None:
    at_edge = Occurrence((0.02, 0.02), NOWHERE)  # which is where the draws would like it
    for where in (ground(), ground(20)):
        corners = drawn(where, at_edge, [at_edge])
        assert len(corners) == 60
        for top, left in corners:
            assert top >= REACH
            assert left >= (20 if where.pixels[0, 0] < 0.1 else 0) + REACH
            assert top + 10 <= SIZE[0] - REACH
            assert left + 14 <= SIZE[1] - REACH


@pytest.mark.parametrize(("side", "end"), [(0, 0), (1, 0), (2, SIZE[0] - 10), (3, SIZE[1] - 14)])
def test_what_touches_a_rim_stays_at_that_rim(side: int, end: int) -> None:
    rims: Rims = tuple(number == side for number in range(4))  # type: ignore[assignment]
    corners = drawn(ground(), Occurrence((0.5, 0.5), rims), [])
    assert {corner[side % 2] for corner in corners} == {end}
    assert len({corner[1 - side % 2] for corner in corners}) > 5


def test_the_rim_is_that_of_the_part_where_the_image_shows_more() -> None:
    left: Rims = (False, True, False, False)
    assert {corner[1] for corner in drawn(ground(20), Occurrence((0.5, 0.2), left), [])} <= {19, 20, 21}
    mask = np.zeros(SIZE, bool)
    mask[30:40, 20:34] = True
    assert Occurrence.of(mask, ground(20)).rims == left
    assert Occurrence.of(mask, ground()).rims == NOWHERE


def test_a_margin_that_widens_along_the_way_does_not_hold_a_defect_off_its_rim() -> None:
    """A break at the bottom lay in the middle of its tile: one hundredth of it had come to lie on the dark margin."""
    rows, columns = np.mgrid[: SIZE[0], : SIZE[1]]
    slanted = Ground(np.where(columns < 3 + rows // 30, 0.05, 0.5).astype(np.float32))
    at_bottom = Occurrence((0.9, 0.05), (False, False, True, False))
    tops = {corner[0] for corner in drawn(slanted, at_bottom, [at_bottom])}
    assert tops <= set(range(SIZE[0] - 10 - REACH, SIZE[0] - 9))


@pytest.mark.parametrize("rims", [(True, False, False, True), (True, False, False, False)])
def test_a_margin_at_a_side_does_not_hold_a_defect_off_the_corner_of_its_part(rims: Rims) -> None:
    """A break at the bottom right lay 14 pixels above it, cut straight: the end of the dark margin was a bottom."""
    rows, columns = np.mgrid[: SIZE[0], : SIZE[1]]
    wide = Ground(np.where(columns >= SIZE[1] - 24 + rows // 4, 0.02, 0.5).astype(np.float32))
    in_corner = Occurrence((0.05, 0.93), rims)
    tops = {corner[0] for corner in drawn(wide, in_corner, [in_corner])}
    assert tops <= set(range(REACH))


def test_positions_follow_those_of_real_defects() -> None:
    corners = np.array(drawn(ground(), Occurrence((0.3, 0.7), NOWHERE), [Occurrence((0.3, 0.7), NOWHERE)]))
    middle = (corners + np.array([5, 7])) / SIZE
    assert middle.mean(0) == pytest.approx((0.3, 0.7), abs=4 * 0.12 / 60**0.5)


def test_own_defects_and_what_is_outside_the_region_stay_free() -> None:
    marked, region = np.zeros(SIZE, bool), np.zeros(SIZE, bool)
    marked[:, 60:] = True
    region[40:] = True
    for top, left in drawn(Ground(ground().pixels, marked, region), Occurrence((0.2, 0.8), NOWHERE), []):
        assert top >= 40
        assert left + 14 <= 60 - REACH
    everywhere = Ground(ground().pixels, np.ones(SIZE, bool))
    assert drawn(everywhere, Occurrence((0.5, 0.5), NOWHERE), []) == []


def test_a_turned_image_turns_where_its_defects_lie() -> None:
    mask = np.zeros((20, 30), bool)
    mask[0:5, 0:9] = True
    where = Ground(np.full((20, 30), 0.5, np.float32))
    plain = Occurrence.of(mask, where)
    for symmetry in range(8):
        shown = turned(mask, symmetry)
        found = Occurrence.of(shown, Ground(np.full(shown.shape, 0.5, np.float32)))
        assert found.rims == plain.turned(symmetry).rims
        assert found.middle == pytest.approx(plain.turned(symmetry).middle)
