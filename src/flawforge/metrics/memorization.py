"""Tests of a whole set: do its images lie nearer to the training images than unseen real images do?

All take feature vectors and independent images: of real ones, one of each group. None needs to find a single copy; each
has little power at small n, and each can be fooled (Stein et al. 2023, 2306.04675): they stand beside the search for
copies, never in its place.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy import stats
from scipy.spatial.distance import cdist

from flawforge.core.seeds import numpy_stream
from flawforge.metrics.frechet import frechet
from flawforge.metrics.vectors import Float, Vectors, as_vectors

PERMUTATIONS = 999
DEALS = 199  # permutations of the triangle, each of which costs two Fréchet distances
NEAREST = 50  # training images whose mean distance calibrates one distance, at most


class Test(NamedTuple):
    """The outcome of a test.

    Attributes:
        effect: its statistic.
        expected: what it is without copying.
        p: one-sided: the chance of one that speaks for copying as much, without copying.
    """

    effect: float
    expected: float
    p: float


def data_copying(train: Vectors, held_out: Vectors, generated: Vectors) -> Test:
    """Return C_T: are generated images nearer to the training images than held-out ones are?

    Meehan, Chaudhuri & Dasgupta 2020, "A Non-Parametric Test to Detect Data-Copying in Generative Models" (2004.05675):
    the Mann-Whitney statistic of the distances to the nearest training image, here over one cell (their k-means cells
    need hundreds of held-out images). The effect is the probability that a generated image is farther than a held-out
    one: 0.5 without copying, 0 when every one is nearer. The p-value is exact for small sets without ties. Assumes
    independent images. No power below about 20 held-out images (p cannot pass 0.01 below 3 against 20).
    """
    t, p, q = _three(train, held_out, generated)
    return _smaller(cdist(q, t).min(axis=1), cdist(p, t).min(axis=1))


def calibrated_distance(train: Vectors, held_out: Vectors, generated: Vectors) -> Test:
    """Return the same for the calibrated distance: to the nearest, over half the mean to the 50 nearest.

    Carlini et al. 2023, "Extracting Training Data from Diffusion Models" (2301.13188), section 4.2: small where one
    training image is singled out, and not just where training images are dense. Assumptions and power as
    `data_copying`.
    """
    t, p, q = _three(train, held_out, generated)

    def ratio(x: Float) -> Float:
        near = np.sort(cdist(x, t), axis=1)[:, :NEAREST]
        return np.asarray(near[:, 0] / np.maximum(0.5 * near.mean(axis=1), 1e-12))

    return _smaller(ratio(q), ratio(p))


def authenticity(train: Vectors, held_out: Vectors, generated: Vectors) -> Test:
    """Return the share of generated images that are authentic, beside that of held-out ones.

    Alaa et al. 2022, "How Faithful is your Synthetic Data?" (2102.08921): an image is authentic when the training image
    nearest to it has another training image still nearer. Training images are one of each group here: overlapping crops
    would make everything authentic. Fisher's exact test against the held-out share. No power below about 20 held-out
    images.
    """
    t, p, q = _three(train, held_out, generated)
    apart = cdist(t, t)
    np.fill_diagonal(apart, np.inf)
    reach = apart.min(axis=1)

    def authentic(x: Float) -> int:
        distance = cdist(x, t)
        nearest = distance.argmin(axis=1)
        return int((distance.min(axis=1) > reach[nearest]).sum())

    made, real = authentic(q), authentic(p)
    table = [[made, len(q) - made], [real, len(p) - real]]
    return Test(made / len(q), real / len(p), float(stats.fisher_exact(table, alternative="less").pvalue))


def closest_record_share(train: Vectors, held_out: Vectors, generated: Vectors, seed: int = 0) -> Test:
    """Return the share of generated images whose closest real image is a training image, at equal numbers of both.

    The DCR share (distance to closest record, as used for synthetic tables): the larger set is thinned to the size of
    the smaller, and 0.5 is expected. The p-value permutes which real images are training ones, 999 times: exact when
    training and held-out images are exchangeable, whatever the generated ones are. No power below about 10 of each.
    """
    t, p, q = _three(train, held_out, generated)
    draws = numpy_stream(seed, "bootstrap", "closest record")
    size = min(len(t), len(p))
    t, p = (x[draws.permutation(len(x))[:size]] for x in (t, p))
    nearest = cdist(q, np.concatenate([t, p])).argmin(axis=1)
    trained = np.repeat([True, False], size)
    share = float(trained[nearest].mean())
    other = [float(draws.permutation(trained)[nearest].mean()) for _ in range(PERMUTATIONS)]
    return Test(share, 0.5, (1 + sum(value >= share - 1e-12 for value in other)) / (PERMUTATIONS + 1))


def frechet_triangle(train: Vectors, held_out: Vectors, generated: Vectors, seed: int = 0) -> Test:
    """Return the Fréchet distance of generated to training images, less that of held-out to training images.

    Below 0, the generated images are nearer to the training images than unseen real ones are: over-fitting. All three
    sets are thinned to the size of the smallest, since the distance's bias depends on n; the p-value permutes which
    images are generated and which held-out, 199 times: exact when both come from one distribution. It tests more than
    copying: a poor generator lies far from both, and hides its copies. No power below about 20 images a set.
    """
    sets = _three(train, held_out, generated)
    draws = numpy_stream(seed, "bootstrap", "triangle")
    size = min(len(x) for x in sets)
    t, p, q = (x[draws.permutation(len(x))[:size]] for x in sets)
    both = np.concatenate([q, p])

    def gap(order: NDArray[np.int64]) -> float:
        return frechet(t, both[order[:size]]) - frechet(t, both[order[size:]])

    effect = gap(np.arange(2 * size))
    other = [gap(draws.permutation(2 * size)) for _ in range(DEALS)]
    return Test(effect, 0.0, (1 + sum(value <= effect + 1e-12 for value in other)) / (DEALS + 1))


def _smaller(made: Float, real: Float) -> Test:
    found = stats.mannwhitneyu(made, real, alternative="less")
    return Test(float(found.statistic) / (len(made) * len(real)), 0.5, float(found.pvalue))


def _three(train: Vectors, held_out: Vectors, generated: Vectors) -> tuple[Float, Float, Float]:
    return (
        as_vectors(train, "train", 2),
        as_vectors(held_out, "held_out", 1),
        as_vectors(generated, "generated", 1),
    )
