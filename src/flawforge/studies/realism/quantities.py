"""The numbers of a score: the registry that record, console table, page and sentence are all drawn from.

A new number is one more `Quantity` in `QUANTITIES`; nothing else has to know it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from flawforge.core.seeds import numpy_stream
from flawforge.metrics.fidelity.frechet import frechet
from flawforge.metrics.fidelity.histogram import brightness_difference, histogram_distance
from flawforge.metrics.fidelity.kid import kid, kid_interval
from flawforge.metrics.fidelity.precision_recall import DensityCoverage, PrecisionRecall, overlap
from flawforge.metrics.fidelity.spectrum import fine_difference, spectrum_distance
from flawforge.runs.judged.scores import Better, Number
from flawforge.studies.realism.descriptors import DescribedImages
from flawforge.studies.realism.sentences import brightness_fault, texture_fault
from flawforge.studies.realism.subsets import draw_rows

WHOLE_SET = 2000  # images of each set, at most, in a number that is taken over all images


@dataclass(frozen=True)
class SetPair:
    """Real images, and others that are compared with them."""

    real: DescribedImages
    other: DescribedImages

    @cached_property
    def overlap(self) -> tuple[PrecisionRecall, DensityCoverage]:
        """Precision and recall, density and coverage, from distances that are taken once for all four."""
        real, other = self.real, self.other
        return overlap(real.features, other.features, real.radii[0], real.radii[1], other.radii[0])


@dataclass(frozen=True)
class Quantity:
    """One number of the score.

    Attributes:
        name: the key in the record.
        label: what a person calls it.
        unit: ``share`` (0 to 1), ``dB``, ``gray levels`` (of 255), ... or empty.
        better: which way is better.
        meaning: what it says, as half a sentence.
        measure: the number of a pair of sets. It is also taken of two halves of the real images, and of real images
            beside classical transforms: all three at the same numbers of images.
        finding: what to list where generated images are worse than nearly all real ones; None lists nothing.
        clause: the finding as part of the first sentence; ``{finding}``, ``{generated}`` and ``{real}`` are filled in.
        interval: the generated images' number with an interval of its own, from all images and a seed. Its lower end
            above 0 then decides whether there is a difference. None: the halves decide.
    """

    name: str
    label: str
    unit: str
    better: Better
    meaning: str
    measure: Callable[[SetPair], float]
    finding: Callable[[SetPair], str] | None = None
    clause: str = "{finding} ({generated}, where an equal number of real images has {real})"
    interval: Callable[[SetPair, int], Number] | None = None


def whole_kid(pair: SetPair, seed: int) -> Number:
    """Return the kernel distance of all images, with its bootstrap interval over groups."""
    rng = numpy_stream(seed, "bootstrap", "kid", "rows")
    real = pair.real.take(draw_rows(np.arange(len(pair.real)), pair.real.groups, WHOLE_SET, rng))
    other = pair.other.take(np.sort(rng.permutation(len(pair.other))[:WHOLE_SET]))
    interval = kid_interval(real.features, other.features, real.groups, seed=seed)
    value = kid(real.features, other.features, real.groups)
    return Number(value=value, low=interval.low, high=interval.high, n=len(other), groups=interval.groups)


_ALL = (
    Quantity(
        name="kid",
        label="Kernel distance (KID)",
        unit="",
        better="lower",
        meaning="how far apart the two sets are; 0 means no difference, at any number of images",
        measure=lambda pair: kid(pair.real.features, pair.other.features, pair.real.groups, pair.other.groups),
        interval=whole_kid,
    ),
    Quantity(
        name="fid",
        label="Fréchet distance (FID)",
        unit="",
        better="lower",
        meaning="also how far apart the two sets are; with few images it is above 0 even without a difference",
        measure=lambda pair: frechet(pair.real.features, pair.other.features),
    ),
    Quantity(
        name="coverage",
        label="Coverage",
        unit="share",
        better="higher",
        meaning="share of the real images that have a generated image nearby",
        measure=lambda pair: pair.overlap[1].coverage,
        finding=lambda pair: "share of the real variation that is covered",
        clause="they cover {generated} of the real variation, where an equal number of real images covers {real}",
    ),
    Quantity(
        name="recall",
        label="Recall",
        unit="share",
        better="higher",
        meaning="share of the real images that lie within the range of the generated ones",
        measure=lambda pair: pair.overlap[0].recall,
        finding=lambda pair: "share of the real images within the generated range",
        clause="their range holds {generated} of the real images, where that of as many real images holds {real}",
    ),
    Quantity(
        name="precision",
        label="Precision",
        unit="share",
        better="higher",
        meaning="share of the generated images that lie within the range of the real ones",
        measure=lambda pair: pair.overlap[0].precision,
        finding=lambda pair: "share of the images within the real range",
        clause="{generated} of them lie within the range of real images, where {real} of other real images do",
    ),
    Quantity(
        name="density",
        label="Density",
        unit="",
        better="near 1",
        meaning="how closely real images surround each generated one; about 1 for real images",
        measure=lambda pair: pair.overlap[1].density,
    ),
    Quantity(
        name="spectrum",
        label="Power spectrum",
        unit="dB",
        better="lower",
        meaning="difference in coarse and fine structure",
        measure=lambda pair: spectrum_distance(pair.real.spectra, pair.other.spectra),
        finding=lambda pair: texture_fault(fine_difference(pair.real.spectra, pair.other.spectra)),
    ),
    Quantity(
        name="histogram",
        label="Gray-level histogram",
        unit="gray levels",
        better="lower",
        meaning="difference in brightness and contrast",
        measure=lambda pair: histogram_distance(pair.real.histograms, pair.other.histograms),
        finding=lambda pair: brightness_fault(brightness_difference(pair.real.histograms, pair.other.histograms)),
    ),
)
QUANTITIES = {quantity.name: quantity for quantity in _ALL}
