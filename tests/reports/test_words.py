import pytest
from hypothesis import given
from hypothesis import strategies as st

from flawforge.core.percent import percent
from flawforge.reports.words import NBSP, count, duration, joined, length, measured, number, share
from flawforge.runs.judged.scores import Number
from flawforge.runs.records import Share


def plain(text: str) -> str:
    return text.replace(NBSP, " ")


def test_numbers_keep_three_digits_and_their_thousands() -> None:
    assert [number(v) for v in (0, 1, 0.5, 14.56, 12800, 0.00432)] == [
        "0",
        "1.00",
        "0.500",
        "14.6",
        "12,800",
        "0.00432",
    ]


def test_an_interval_without_width_is_none() -> None:
    """A bootstrap of images that were all told apart gives 1 each time, which says nothing of other images."""
    assert measured(Number(value=1.0, low=1.0, high=1.0, n=40, groups=40)) == "1.00"
    assert measured(Number(value=0.83, low=0.77, high=0.88, n=40, groups=40)) == "0.830 (0.770 to 0.880)"


def test_not_measured_is_never_zero() -> None:
    assert number(None) == duration(None) == share(Share.of(None, 400)) == share(Share.of(0, 0)) == "not measured"


@given(st.floats(min_value=1e-30, max_value=1e30))
def test_a_number_that_is_not_zero_is_never_written_zero(value: float) -> None:
    assert float(number(value).replace(",", "")) == pytest.approx(value, rel=0.006)


@given(st.integers(1, 10**7), st.data())
def test_a_share_reads_0_or_100_percent_only_when_exact(whole: int, data: st.DataObject) -> None:
    part = data.draw(st.integers(0, whole))
    value = float(percent(part / whole).removesuffix("%"))
    assert (value == 0) == (part == 0)
    assert (value == 100) == (part == whole)
    assert value == pytest.approx(100 * part / whole, abs=0.05 + 1e-9)


def test_a_share_has_n_and_interval() -> None:
    assert share(Share.of(3, 400)) == "3 of 400 (0.8%; 95% CI 0.3% to 2.2%)"
    assert share(Share.of(0, 400)) == "0 of 400 (0%; 95% CI 0% to 1%)"
    assert share(Share.of(399, 400)) == "399 of 400 (99.8%; 95% CI 98.6% to 99.96%)"


def test_times_and_lengths() -> None:
    seconds = (0.42, 48, 59.7, 580, 3900, 100000)
    assert [plain(duration(s)) for s in seconds] == [
        "0.42 s",
        "48 s",
        "1 min 0 s",
        "9 min 40 s",
        "1 h 5 min",
        "27 h 47 min",
    ]
    assert [plain(length(k)) for k in (0.0, 0.768, 24.0, 38.4, 12800)] == [
        "0 kimg",
        "0.768 kimg",
        "24 kimg",
        "38.4 kimg",
        "12,800 kimg",
    ]


def test_counts_and_lists() -> None:
    assert count(12800) == "12,800"
    assert [joined(list("abc"[:n])) for n in range(4)] == ["", "a", "a and b", "a, b and c"]
    assert joined(list("abcdefgh"), most=3) == "a, b and 6 more"
