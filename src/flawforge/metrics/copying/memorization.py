"""Tests of a whole set: do its images lie nearer to the training images than unseen real images do?

All take feature vectors and independent images: of real ones, one of each group. None needs to find a single copy; each
has little power at small n, and each can be fooled (Stein et al. 2023, 2306.04675): they stand beside the search for
copies, never in its place.

Each compares generated with held-out images, or training with held-out ones, and takes it that without copying one
could stand for the other. That fails where the two hold the classes in other shares: a class whose images lie close
together is nearer to training than another, copied or not. With class numbers, every test therefore compares within
each class and adds up over the classes; images of a class that one side lacks do not count.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike
from scipy.spatial.distance import cdist

from flawforge.core.arrays import Bools, Floats, Ints
from flawforge.core.seeds import numpy_stream
from flawforge.metrics.fidelity.frechet import frechet
from flawforge.metrics.vectors import Vectors, as_vectors, row_blocks

PERMUTATIONS = 999
DEALS = 199  # permutations of the triangle, each of which costs two Fréchet distances
NEAREST = 50  # training images whose mean distance calibrates one distance, at most

Classes = tuple[ArrayLike, ArrayLike, ArrayLike]  # class numbers of training, held-out and generated images


class SetTestResult(NamedTuple):
    """The outcome of a test.

    Attributes:
        effect: its statistic.
        expected: what it is without copying.
        p: one-sided: the chance of one that speaks for copying as much, without copying.
    """

    effect: float
    expected: float
    p: float


def data_copying(
    train: Vectors, held_out: Vectors, generated: Vectors, classes: Classes | None = None
) -> SetTestResult:
    """Return C_T: are generated images nearer to the training images than held-out ones are?

    Meehan, Chaudhuri & Dasgupta 2020, "A Non-Parametric Test to Detect Data-Copying in Generative Models" (2004.05675):
    the Mann-Whitney statistic of the distances to the nearest training image, here over one cell (their k-means cells
    need hundreds of held-out images). The effect is the probability that a generated image is farther than a held-out
    one (of its class): 0.5 without copying, 0 when every one is nearer. The p-value is exact for small sets without
    ties; over several classes it is that of van Elteren's sum (1960), normal. Assumes independent images. No power
    below about 20 held-out images (p cannot pass 0.01 below 3 against 20).
    """
    (t, p, q), (_, held, made) = _checked(train, held_out, generated, classes)
    return _smaller(to_nearest(q, t)[0], to_nearest(p, t)[0], made, held)


def calibrated_distance(
    train: Vectors, held_out: Vectors, generated: Vectors, classes: Classes | None = None
) -> SetTestResult:
    """Return the same for the calibrated distance: to the nearest, over half the mean to the 50 nearest.

    Carlini et al. 2023, "Extracting Training Data from Diffusion Models" (2301.13188), section 4.2: small where one
    training image is singled out, and not just where training images are dense. Assumptions and power as
    `data_copying`.
    """
    (t, p, q), (_, held, made) = _checked(train, held_out, generated, classes)

    def ratio(x: Floats) -> Floats:
        parts = []
        for rows in row_blocks(len(x)):
            apart = cdist(x[rows], t)
            apart.sort(axis=1)
            near = apart[:, :NEAREST]
            parts.append(near[:, 0] / np.maximum(0.5 * near.mean(axis=1), 1e-12))
        return np.concatenate(parts)

    return _smaller(ratio(q), ratio(p), made, held)


def authenticity(
    train: Vectors, held_out: Vectors, generated: Vectors, classes: Classes | None = None
) -> SetTestResult:
    """Return the share of generated images that are authentic, beside that of held-out ones.

    Alaa et al. 2022, "How Faithful is your Synthetic Data?" (2102.08921): an image is authentic when the training image
    nearest to it has another training image still nearer. Training images are one of each group here: overlapping crops
    would make everything authentic. Fisher's exact test against the held-out share; over several classes the sum of
    their counts, exact as well (Mantel & Haenszel 1959; Mehta, Patel & Gray 1985), and the held-out share is taken in
    the generated images' mix. No power below about 20 held-out images.
    """
    (t, p, q), (_, held, made) = _checked(train, held_out, generated, classes)
    reach = to_nearest(t, t, itself=False)[0]

    def authentic(x: Floats) -> Bools:
        distance, nearest = to_nearest(x, t)
        return np.asarray(distance > reach[nearest])

    from scipy import stats  # half a second, which an audit without held-out images need not wait for

    own, real = authentic(q), authentic(p)
    number = found = 0
    expected, chances = 0.0, np.ones(1)
    for a, b in _strata(made, held):
        hits, size = int(own[a].sum()), len(a) + len(b)
        total = hits + int(real[b].sum())
        number, found = number + len(a), found + hits
        expected += len(a) * float(real[b].mean())
        chances = np.convolve(chances, stats.hypergeom.pmf(np.arange(len(a) + 1), size, total, len(a)))
    p_value = min(1.0, float(chances[: found + 1].sum()))
    return SetTestResult(found / number, expected / number, p_value)


def closest_record_share(
    train: Vectors, held_out: Vectors, generated: Vectors, classes: Classes | None = None, seed: int = 0
) -> SetTestResult:
    """Return the share of generated images whose closest real image is a training image, at equal numbers of both.

    The DCR share (distance to closest record, as used for synthetic tables): the larger set is thinned to the size of
    the smaller, class by class, and 0.5 is expected. The p-value permutes which real images of a class are training
    ones, 999 times: exact when training and held-out images of a class are exchangeable, whatever the generated ones
    and their classes are. No power below about 10 of each.
    """
    (t, p, q), (trained_codes, held, _) = _checked(train, held_out, generated, classes)
    draws = numpy_stream(seed, "bootstrap", "closest record")
    parts, trained = [], []
    for a, b in _strata(trained_codes, held):
        size = min(len(a), len(b))
        parts += [x[rows[draws.permutation(len(rows))[:size]]] for x, rows in ((t, a), (p, b))]
        trained.append(np.repeat([True, False], size))
    nearest = to_nearest(q, np.concatenate(parts))[1]
    share = float(np.concatenate(trained)[nearest].mean())
    other = [
        float(np.concatenate([draws.permutation(part) for part in trained])[nearest].mean())
        for _ in range(PERMUTATIONS)
    ]
    return SetTestResult(share, 0.5, (1 + sum(value >= share - 1e-12 for value in other)) / (PERMUTATIONS + 1))


def frechet_triangle(
    train: Vectors, held_out: Vectors, generated: Vectors, classes: Classes | None = None, seed: int = 0
) -> SetTestResult:
    """Return the Fréchet distance of generated to training images, less that of held-out to training images.

    Below 0, the generated images are nearer to the training images than unseen real ones are: over-fitting. All three
    sets are thinned to the size of the smallest, class by class, since the distance's bias depends on n; the p-value
    permutes which images of a class are generated and which held-out, 199 times: exact when both come from one
    distribution. It tests more than copying: a poor generator lies far from both, and hides its copies. No power below
    about 20 images a set.
    """
    sets, codes = _checked(train, held_out, generated, classes)
    draws = numpy_stream(seed, "bootstrap", "triangle")
    parts: list[tuple[Floats, ...]] = []
    for strata in _strata(*codes):
        size = min(len(rows) for rows in strata)
        parts.append(tuple(x[rows[draws.permutation(len(rows))[:size]]] for x, rows in zip(sets, strata, strict=True)))
    t = np.concatenate([part[0] for part in parts])
    both = np.concatenate([np.concatenate([part[2], part[1]]) for part in parts])
    first = np.cumsum([0] + [2 * len(part[0]) for part in parts])

    def gap(orders: list[Ints]) -> float:
        halves = [
            (start + order[: len(order) // 2], start + order[len(order) // 2 :])
            for start, order in zip(first, orders, strict=False)
        ]
        q, p = (np.concatenate(side) for side in zip(*halves, strict=True))
        return frechet(t, both[q]) - frechet(t, both[p])

    effect = gap([np.arange(2 * len(part[0])) for part in parts])
    other = [gap([draws.permutation(2 * len(part[0])) for part in parts]) for _ in range(DEALS)]
    return SetTestResult(effect, 0.0, (1 + sum(value <= effect + 1e-12 for value in other)) / (DEALS + 1))


def to_nearest(x: Floats, t: Floats, *, itself: bool = True) -> tuple[Floats, Ints]:
    """Return the distance to, and the index of, the nearest of `t` for each of `x`: (N,) and (N,).

    Held at one time: the distances of 1,024 rows.

    Args:
        x: (N, D).
        t: (T, D).
        itself: whether the row of `t` with its own number counts for a row of `x`.
    """
    distances, indices = [], []
    for rows in row_blocks(len(x)):
        apart = cdist(x[rows], t)
        if not itself:
            apart[np.arange(len(apart)), np.arange(rows.start, rows.stop)] = np.inf
        indices.append(apart.argmin(axis=1))
        distances.append(apart.min(axis=1))
    return np.concatenate(distances), np.concatenate(indices)


def _smaller(made: Floats, real: Floats, made_codes: Ints, real_codes: Ints) -> SetTestResult:
    """Return Mann and Whitney's test, or over several classes van Elteren's sum of it."""
    from scipy import stats  # as above

    strata = _strata(made_codes, real_codes)
    if len(strata) == 1:
        a, b = strata[0]
        found = stats.mannwhitneyu(made[a], real[b], alternative="less")
        return SetTestResult(float(found.statistic) / (len(a) * len(b)), 0.5, float(found.pvalue))
    total = most = variance = 0.0
    for a, b in strata:
        n = len(a) + len(b)
        ranks = stats.rankdata(np.concatenate([made[a], real[b]]))
        farther = ranks[: len(a)].sum() - len(a) * (len(a) + 1) / 2
        total += farther / (n + 1)
        most += len(a) * len(b) / (n + 1)
        variance += len(a) * len(b) / n * ranks.var(ddof=1) / (n + 1) ** 2
    p = float(stats.norm.cdf((total - most / 2) / variance**0.5)) if variance > 0 else 1.0
    return SetTestResult(total / most, 0.5, p)


def _strata(*codes: Ints) -> list[tuple[Ints, ...]]:
    """Return the rows of each class that all sides have.

    Raises:
        ValueError: there is none.
    """
    shared = sorted(set.intersection(*(set(side.tolist()) for side in codes)))
    if not shared:
        raise ValueError("the sets that are compared have no class in common")
    return [tuple(np.flatnonzero(side == code) for side in codes) for code in shared]


def _checked(
    train: Vectors, held_out: Vectors, generated: Vectors, classes: Classes | None
) -> tuple[tuple[Floats, Floats, Floats], tuple[Ints, ...]]:
    """Return the three sets as float64, and the class number of each image; without classes all are of one."""
    sets = as_vectors(train, "train", 2), as_vectors(held_out, "held_out", 1), as_vectors(generated, "generated", 1)
    given = classes if classes is not None else [np.zeros(len(x), dtype=np.int64) for x in sets]
    codes = tuple(np.asarray(side, dtype=np.int64) for side in given)
    for side, x in zip(codes, sets, strict=True):
        if side.shape != (len(x),):
            raise ValueError(f"classes has shape {side.shape} for a set of {len(x)}; it is one number for each image")
    return sets, codes
