"""What the splits of `audit_calibration.py` say: tables, and curves."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from flawforge.metrics.copying.calibration import NullScale
from flawforge.studies.copies.planted import ALTERATIONS, HEAVY
from flawforge.studies.copies.search import ALARM, SPREAD, copied
from other_disguises import OTHERS

PREVALENCES = (0.0, 0.005, 0.01, 0.05, 0.5)
SET_SIZE = 100  # images of a set in which copies are planted (200 at 0.5 %)
DRAWS = 200  # sets drawn at each prevalence
EIGHT = tuple(kind for kind in ALTERATIONS if kind not in HEAVY)  # those that the audit must find
Row = dict[str, Any]
Ints = NDArray[np.int64]


def summarise(name: str, rows: list[Row]) -> Row:
    """Print and return what the splits of one data set say."""
    p = np.array([row["p"] for row in rows if row["size"] == 20])
    test = stats.kstest(p, "uniform")
    print(
        f"\n{name}: p-values of {len(p)} honest images, one a repeat, against uniform: KS {test.statistic:.3f}, "
        f"p = {test.pvalue:.3f}"
    )
    out: Row = {"ks": float(test.statistic), "ks_p": float(test.pvalue), "ks_n": len(p), "sizes": {}}
    for size in sorted({row["size"] for row in rows}):
        out["sizes"][size] = of_size([row for row in rows if row["size"] == size], size)
    out["least_recall"] = min((one["eight"] for one in out["sizes"].values() if one["eight"] is not None), default=None)
    return out


def of_size(rows: list[Row], size: int) -> Row:
    """Print and return false alarms, recall, and what comes out at each prevalence, at one number of images."""
    fooled, sets = sum(row["called"] > 0 for row in rows), len(rows)
    alarms = np.concatenate([np.array(row["honest"]) >= row["image_threshold"] for row in rows])
    held = np.concatenate([row["held"] for row in rows])
    honest = np.concatenate([row["honest"] for row in rows])
    told = within(np.arange(sets) < fooled)
    print(f"\n {size} training images, {sets} repeats: honest sets called 'copies found' {told}")
    print(f"  honest images above the 1 % score: {within(alarms, held)}; highest {honest.max():.2f}")
    found = {kind: reached(rows, [kind]) for kind in ALTERATIONS | OTHERS}
    for kind, (hits, sources) in found.items():
        print(f"  {kind:18}{within(hits, sources)}")
    eight, own = reached(rows, EIGHT)
    print(f"  {'the first eight':18}{within(eight, own)}")
    out: Row = {
        "repeats": sets,
        "fooled": fooled,
        "alarms": int(alarms.sum()),
        "honest": len(alarms),
        "highest": float(honest.max()),
        "eight": float(eight.mean()) if len(eight) else None,
        "prevalence": {},
        "found": {kind: (int(hits.sum()), len(hits)) for kind, (hits, _) in found.items()},
    }
    whole = [row for row in rows if all(row["planted"].get(kind) for kind in EIGHT)]
    for share in PREVALENCES if whole else ():
        often, recall, false = mixed(whole, share)
        out["prevalence"][share] = {"told": often, "recall": recall, "false_share": false}
        words = "" if not share else f", {recall:.3f} of the copies called so, {false:.4f} of those called honest"
        print(f"  at {100 * share:4.1f} % copies: 'copies found' in {often:.3f} of {DRAWS} sets{words}")
    return out


def reached(rows: list[Row], kinds: Iterable[str]) -> tuple[NDArray[np.bool_], Ints]:
    """Return whether each copy reaches the score that 1 % of honest images may exceed, and which image it is of."""
    hits, sources = [], []
    for row in rows:
        for kind in kinds:
            for source, score in row["planted"].get(kind, {}).items():
                hits.append(score >= row["image_threshold"])
                sources.append(source)
    return np.array(hits, dtype=bool), np.array(sources, dtype=np.int64)


def within(hits: NDArray[np.bool_], images: Ints | None = None) -> str:
    """Return a count with its share and the 95 % interval of that.

    Clopper and Pearson's (1934). Where `images` says which image each came from, the same images come again in other
    repeats and tell little new: then for as many independent trials as would vary as much as the share does from image
    to image (Korn & Graubard 1998), and for one trial an image at most.
    """
    if not len(hits):
        return "none were made"
    share, trials = float(hits.mean()), float(len(hits))
    if images is not None:
        _, at = np.unique(images, return_inverse=True)
        excess = np.bincount(at, hits - share)
        clusters = len(excess)
        variance = float((excess**2).sum()) * clusters / max(1, clusters - 1) / len(hits) ** 2
        trials = min(clusters, share * (1 - share) / variance) if variance else clusters
    found, missed = share * trials, (1 - share) * trials
    low = stats.beta.ppf(0.025, found, missed + 1) if found else 0.0
    high = stats.beta.ppf(0.975, found + 1, missed) if missed else 1.0
    return f"{hits.sum()} of {len(hits)} = {percent(hits)} % [{100 * low:.1f}, {100 * high:.1f}]"


def percent(hits: NDArray[np.bool_]) -> str:
    """Return a share in percent, 0 and 100 only when it is exact."""
    for digits in range(1, 6):
        text = f"{100 * hits.mean():.{digits}f}"
        if hits.all() or not hits.any() or float(text) not in (0, 100):
            return text
    return text


def mixed(rows: list[Row], share: float) -> tuple[float, float, float]:
    """Return how often a set with a share of copies (of the eight kinds) is told, the recall, and the false share."""
    draws = np.random.default_rng(7)
    number = 200 if share == 0.005 else SET_SIZE
    told, recall, false = [], [], []
    for _ in range(DRAWS):
        row = rows[draws.integers(len(rows))]
        copies = round(share * number)
        honest = draws.choice(row["honest"], number - copies, replace=number - copies > len(row["honest"]))
        scores = [list(row["planted"][kind].values()) for kind in EIGHT]
        planted = [draws.choice(scores[draws.integers(len(EIGHT))]) for _ in range(copies)]
        called = copied(NullScale.of(row["scale"], spread=SPREAD), np.r_[honest, planted], ALARM)[1]
        told.append(len(called) > 0)
        if copies:
            recall.append(float((called >= len(honest)).sum() / copies))
        if len(called):
            false.append(float((called < len(honest)).mean()))
    return float(np.mean(told)), float(np.mean(recall or [0.0])), float(np.mean(false or [0.0]))


def draw(summary: dict[str, Row], file: Path) -> None:
    """Draw recall against the number of training images, and how often copies are told against their share."""
    import matplotlib as mpl

    mpl.use("Agg")
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(len(summary), 3, figsize=(15, 4 * len(summary)), layout="constrained", squeeze=False)
    for (name, row), (left, middle, right) in zip(summary.items(), axes, strict=True):
        sizes = sorted(row["sizes"])
        for place, kinds in ((left, ALTERATIONS), (middle, OTHERS)):
            for number, kind in enumerate(kinds):
                shares = [found / of if of else np.nan for found, of in (row["sizes"][n]["found"][kind] for n in sizes)]
                line = "--" if kind in HEAVY else "-"
                place.plot(sizes, shares, line, marker="osv^D"[number % 5], ms=4, label=kind)
            place.set(xlabel="training images", ylim=(0, 1.03), xscale="log")
            place.set_xticks(sizes, [str(n) for n in sizes])
            place.set_xticks([], minor=True)
            place.legend(fontsize=7, ncols=2, loc="lower right")
        left.set(title=f"{name}: found at 1 % false alarms", ylabel="share found")
        middle.set_title(f"{name}: disguises that the audit was not built on")
        for n in sizes:
            told = row["sizes"][n]["prevalence"]
            right.plot([100 * p for p in told], [told[p]["told"] for p in told], marker=".", label=f"n = {n}")
        right.set(title=f"{name}: verdict 'copies found'", xlabel="copies planted, %", ylim=(-0.02, 1.03))
        right.set_xscale("symlog", linthresh=0.5)
        right.set_xlim(-0.1, 60)
        right.set_xticks([100 * share for share in PREVALENCES], [f"{100 * share:g}" for share in PREVALENCES])
        right.set_xticks([], minor=True)
        right.legend(fontsize=8)
    figure.savefig(file, dpi=90)
