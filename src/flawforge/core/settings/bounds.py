"""The bounds of every number that is an option or an argument; settings have their own, beside their help."""

from __future__ import annotations

import numbers
from dataclasses import dataclass

from flawforge.core.errors import SettingError

YEAR = 525_600  # minutes
MANY = 10_000_000


@dataclass(frozen=True)
class Bound:
    """What a number may be.

    Attributes:
        what: it is, in words.
        low: smallest value. high: largest.
        whole: whether it is a whole number.
        above: whether `low` itself is too little. below: whether `high` itself is too much.
        words: the range in words, where the numbers do not say it well.
    """

    what: str
    low: float
    high: float
    whole: bool = False
    above: bool = False
    below: bool = False
    words: str = ""

    def holds(self, value: object) -> bool:
        """Say whether a value is one of these numbers."""
        if not isinstance(value, numbers.Integral if self.whole else numbers.Real) or isinstance(value, bool):
            return False
        number: float = value  # type: ignore[assignment]
        return self.low <= number <= self.high and not (  # which is False of nan
            (self.above and number == self.low) or (self.below and number == self.high)
        )

    @property
    def allowed(self) -> str:
        """The range in words: ``1 to 9``, ``above 0, up to 525,600``."""
        if self.words:
            return self.words
        low, high = f"{self.low:,g}", f"{self.high:,.0f}" if self.high >= 1 else f"{self.high:g}"
        if self.above:
            return f"above {low} and below {high}" if self.below else f"above {low}, up to {high}"
        return f"from {low} to below {high}" if self.below else f"{low} to {high}"


def _count(what: str, low: int, high: int) -> Bound:
    return Bound(what, low, high, whole=True)


BOUNDS = {
    "checkpoint_seconds": Bound("a time in seconds", 0, 86_400),
    "compression": _count("zlib's level, from none to smallest", 0, 9),
    "confirmations": _count("a number of fresh seeds", 0, 1000),
    "defect_strength": Bound("how strongly defects show, 1 as real ones do", 0, 4, above=True),
    "k": _count("a number of training images to rank", 1, MANY),
    "kimg": Bound("a length in thousands of images", 0, 1_000_000, above=True),
    "memory_mb": Bound("a bound in MB", 16, MANY),
    "megapixels": Bound("a bound in millions of pixels", 0, 1000, above=True),
    "minutes": Bound("a time in minutes", 0, YEAR, above=True),
    "most": _count("a number of images in one request", 1, 10_000),
    "n": _count("a number of images per class", 1, MANY),
    "pairs": _count("a number of pairs to keep pictures of", 0, MANY),
    "port": _count("a port", 0, 65_535),
    "pictures": _count("a number of images", 0, MANY),
    "previews": _count("a number of preview grids", 0, 10_000),
    "seconds": Bound("a time in seconds", 0, 3600, above=True),
    "seed": Bound("a whole number", 0, 2**63 - 1, whole=True, words="from 0, below 2^63"),
    "share": Bound("the share of generated images", 0, 1, above=True, below=True),
    "shots": _count("a number of images per class", 1, MANY),
    "steps": _count("a number of steps", 1, 100_000),
    "strength": Bound("how far images go along a direction, in standard deviations of the latent", 0, 100, above=True),
    "test": Bound("a share of the images, such as 0.2", 0, 1, below=True),
    "threshold": Bound("a probability", 0, 1),
    "tiles": _count("the side of a tile in pixels", 16, 65_536),
    "trials": _count("a number of settings to try", 1, 1_000_000),
    "truncation": Bound(
        "a bound on latent numbers, usually 0.7 (typical images) to 2 (nearly no effect; leave it out for the full "
        "variety)",
        0.1,
        100,
    ),
    "val": Bound("a share of the images, such as 0.2", 0, 1, below=True),
    "waiting": _count("a number of requests", 0, 1000),
    "workers": _count("a number that work at the same time", 1, 4096),
}
SHORT = {"n": "-n", "k": "-k", "defect_strength": "--strength"}


def check_numbers(**given: object) -> None:
    """Refuse the first number that is outside its bounds; None is "not given".

    Args:
        given: name in `BOUNDS` to value.

    Raises:
        SettingError: the option, its value, and what it may be.
    """
    for name, value in given.items():
        if value is None or BOUNDS[name].holds(value):
            continue
        option = SHORT.get(name, f"--{name.replace('_', '-')}")
        shown = f"{value:g}" if isinstance(value, float) else value
        raise SettingError(f"{option} is {shown}; it is {BOUNDS[name].what}, {BOUNDS[name].allowed}.")
