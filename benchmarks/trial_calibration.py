"""Measure the trial's verdict: is "helps" as rare without a gain as it says, and is a gain found?

Trials are simulated, image by image, and judged by the code that judges real ones. An image is told rightly when

    difficulty of its piece and of the image + skill of arm and seed + how the arm suits the piece + chance > 0

so that seeds, pieces of material and their mixtures all vary, and seeds of one trial share the test images. The spreads
are stated, not fitted: the differences between seeds come out near the 2 points that sketches on NEU at 10 shots gave
(`--from TRIAL` prints those of a real trial). The control is chosen by noisy inner evidence and is sometimes wrong.

With --intervals it compares the interval's two forms on crossed normal effects instead, thousands of times.

    python benchmarks/trial_calibration.py [--quick] [--trials N] [--json FILE] [--picture FILE] [--from TRIAL]
    python benchmarks/trial_calibration.py --intervals
    python benchmarks/trial_calibration.py --real DATA --classes A,B [--trials 40] [--models effnet-probe]

With --real it runs true trials of two repeats, each with another test set, whose generator is the placebo, and counts
how often the rule says that the placebo helps or hurts. They are kept in --out, and the same call goes on.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from scipy import optimize, special

from flawforge.metrics.inference.paired import Student
from flawforge.runs.cells import CellKey
from flawforge.studies.trial.analysis.evidence import Evidence
from flawforge.studies.trial.analysis.verdict import decide, measure_all
from machine import keep

Row = dict[str, Any]
CONTROLS = ("real", "classical", "placebo")
LOOKS = tuple(range(4, 11))  # as `flawforge trial` looks in a plan of ten
NODES, SHARES = np.polynomial.hermite_e.hermegauss(60)


@dataclass(frozen=True)
class World:
    """How simulated trials vary; standard deviations in logits, but for accuracies, which are shares.

    Attributes:
        images, pieces, classes: of the test set; pieces have 1 to a few images.
        level: accuracy of the best arm without generated images.
        piece, image: difficulty. seed: skill common to all arms of a seed (its shots). arm: skill of one arm in one
            seed. suits: of an arm to a piece, for all seeds. mixed: of an arm to a piece in one seed.
        inner: error of the inner evidence about each arm, a share.
        lower: by how much each control is worse than the best, shares.
        gain: of the arm with generated images over the best control.
        task: ``type``, or ``good`` with two classes, where the level is the area under the ROC curve.
        sizes: pieces of each class; empty: all classes alike.
        rare: the verdict is about the first class, by its average precision; the level is the area under its ROC curve.
    """

    images: int = 1000
    pieces: int = 640
    classes: int = 6
    level: float = 0.90
    piece: float = 2.0
    image: float = 0.8
    seed: float = 0.25
    arm: float = 0.17
    suits: float = 0.4
    mixed: float = 0.8
    inner: float = 0.01
    lower: dict[str, float] = field(default_factory=lambda: {"real": 0.03, "classical": 0.0, "placebo": 0.0})
    gain: float = 0.0
    task: Literal["type", "good"] = "type"
    sizes: tuple[int, ...] = ()
    rare: bool = False

    def skill(self, accuracy: float) -> float:
        """Return the logit at which this share of images is told rightly, over all spreads; for the task ``good`` the
        one at which this share of pairs, one of each class, is ranked rightly (chance taken as normal).
        """
        if self.task == "good" or self.rare:  # the skills of seed and arm move both images of a pair the same way
            apart = self.piece**2 + self.image**2 + self.suits**2 + self.mixed**2 + np.pi**2 / 3
            return float(special.ndtri(accuracy) * np.sqrt(apart / 2 + self.seed**2 + self.arm**2))
        spread = np.sqrt(self.piece**2 + self.image**2 + self.seed**2 + self.arm**2 + self.suits**2 + self.mixed**2)

        def short(centre: float) -> float:
            return float(SHARES @ special.expit(centre + spread * NODES) / SHARES.sum()) - accuracy

        return float(optimize.brentq(short, -30, 30))


MATCHED = World()  # see docs/decisions/trial-statistics.md


def simulate(
    world: World,
    seeds: int,
    number: int,
    places: int = 1,
    analyses: tuple[int, ...] = (),
    planned: int = 0,
    test: int | None = None,
) -> Evidence:
    """Return the evidence of one simulated trial, which `number` draws; places are numbers of shots, all alike.

    Trials of the same `test` (None: `number`) share their test images, so that their cells can be put together.
    """
    draws = np.random.default_rng([number if test is None else test, 20261])
    pieces = np.r_[np.arange(world.pieces), draws.integers(0, world.pieces, world.images - world.pieces)]
    pieces.sort()
    of_piece = (
        np.repeat(np.arange(world.classes), world.sizes) if world.sizes else np.arange(world.pieces) % world.classes
    )
    labels = of_piece[pieces]
    hard = world.piece * draws.standard_normal(world.pieces)[pieces] + world.image * draws.standard_normal(world.images)
    draws = np.random.default_rng([number, 20262])
    cells: dict[CellKey, NDArray[np.float32]] = {}
    controls = {}
    arms = {**{name: world.level - world.lower[name] for name in CONTROLS}, "generated": world.level + world.gain}
    for place in range(places):
        key = (10 * (place + 1), "simulated")
        seen = {name: arms[name] + world.inner * draws.standard_normal() for name in CONTROLS}
        controls[key] = max(seen, key=lambda name: seen[name])
        shots = world.seed * draws.standard_normal(seeds)
        for arm, accuracy in arms.items():
            suits = world.suits * draws.standard_normal(world.pieces)[pieces]
            for seed in range(seeds):
                skill = world.skill(accuracy) + shots[seed] + world.arm * draws.standard_normal()
                mixed = world.mixed * draws.standard_normal(world.pieces)[pieces]
                margin = hard + skill + suits + mixed + draws.logistic(size=world.images)
                if world.task == "good":
                    defective = special.expit(np.where(labels == 1, margin, -margin))
                    told = np.stack([1 - defective, defective], axis=1).astype(np.float32)
                elif world.rare:
                    first = special.expit(np.where(labels == 0, margin, -margin))
                    told = np.eye(world.classes)[np.maximum(labels, 1)] * (1 - first)[:, None]
                    told[:, 0] = first
                    told = told.astype(np.float32)
                else:
                    answer = np.where(margin > 0, labels, (labels + 1 + (pieces % 2)) % world.classes)
                    told = np.eye(world.classes, dtype=np.float32)[answer]
                cells[CellKey(seed, key[0], arm, key[1])] = told
    return Evidence(
        task=world.task,
        classes=tuple(f"class {i}" for i in range(world.classes)),
        labels=labels.astype(np.int64),
        groups=pieces.astype(np.int64),
        files=[f"{i}.png" for i in range(world.images)],
        cells=cells,
        controls=controls,
        chosen={},
        planned=planned or seeds,
        analyses=analyses,
        rare=("class 0",) if world.rare else (),
        unequal=bool(world.sizes),
    )


def upto(evidence: Evidence, seeds: int) -> Evidence:
    """Return what was there when so many seeds were done."""
    analyses = tuple(number for number in evidence.analyses if number <= seeds)
    return replace(
        evidence,
        cells={key: cell for key, cell in evidence.cells.items() if key.seed < seeds},
        analyses=analyses,
        _kept={},
    )


def one(world: World, seeds: int, number: int, places: int = 1, early: bool = False) -> Row:
    """Judge one simulated trial: the words, the control, the difference, the seeds used."""
    evidence = simulate(world, seeds, number, places, LOOKS if early else (), seeds)
    for done in LOOKS if early else (seeds,):
        part = upto(evidence, done) if early else evidence
        found = measure_all(part)
        words, look = decide(part, found)
        if look.stopped:
            break
    gains = next(iter(found.values()))
    control, gain = next(iter(gains.items()))
    low, high = gain.at()
    return {
        "words": list(words.values()),
        "control": control,
        "gain": gain.value,
        "seeds": done,
        "low": low,
        "high": high,
        "spread": float(gain.differences.std(ddof=1)),
        "parts": [gain.parts.repeat, gain.parts.group, gain.parts.both],
    }


def scenarios() -> dict[str, tuple[str, Callable[[int], Row]]]:
    """Return name -> (what is counted, one trial by its number)."""
    w = MATCHED
    like = replace(w, suits=0.0)  # a placebo suits each piece as the control does
    wrong = replace(w, lower={"real": 0.02, "classical": 0.0, "placebo": 0.02}, inner=0.02)
    few = replace(w, images=90, pieces=60, classes=3)
    rare = replace(w, level=0.985)
    good = replace(w, task="good", classes=2)
    plenty = replace(w, images=900, pieces=600, rare=True, level=0.96)

    def one_rare(pieces: int) -> World:
        each = (600 - pieces) // 5
        return replace(plenty, sizes=(pieces, *[each] * 4, 600 - pieces - 4 * each))

    as_they_are = replace(w, images=700, pieces=465, classes=3, sizes=(400, 60, 5))
    return {
        "no gain, rare class of 100 pieces": ("helps", lambda n: one(one_rare(100), 10, n)),
        "no gain, rare class of 30 pieces": ("helps", lambda n: one(one_rare(30), 10, n)),
        "no gain, rare class of 30 pieces, looks": ("helps", lambda n: one(one_rare(30), 10, n, 1, True)),
        "no gain, rare class of 10 pieces": ("helps", lambda n: one(one_rare(10), 10, n)),
        "no gain, rare class of 10 pieces, 3 seeds": ("helps", lambda n: one(one_rare(10), 3, n)),
        "no gain, rare class of 5 pieces": ("helps", lambda n: one(one_rare(5), 10, n)),
        "no gain, rare class of 2 pieces": ("helps", lambda n: one(one_rare(2), 10, n)),
        "no gain, as they are: 400, 60, 5 pieces": ("helps", lambda n: one(as_they_are, 10, n)),
        "+3 points, rare class of 100 pieces": (
            "helps",
            lambda n: one(replace(one_rare(100), gain=0.03, level=0.92), 10, n),
        ),
        "+3 points, rare class of 30 pieces": (
            "helps",
            lambda n: one(replace(one_rare(30), gain=0.03, level=0.92), 10, n),
        ),
        "placebo, 10 seeds": ("helps", lambda n: one(like, 10, n)),
        "no gain, 10 seeds": ("helps", lambda n: one(w, 10, n)),
        "no gain, 5 seeds": ("helps", lambda n: one(w, 5, n)),
        "no gain, 3 seeds": ("helps", lambda n: one(w, 3, n)),
        "no gain, the control often wrong": ("helps", lambda n: one(wrong, 10, n)),
        "no gain, 60 pieces to test on": ("helps", lambda n: one(few, 5, n)),
        "no gain, 98.5 % right": ("helps", lambda n: one(rare, 5, n)),
        "no gain, 5 numbers of shots": ("helps", lambda n: one(w, 5, n, 5)),
        "no gain, AUROC, 10 seeds": ("helps", lambda n: one(good, 10, n)),
        "no gain, looks": ("helps", lambda n: one(w, 10, n, 1, True)),
        "no gain, the control often wrong, looks": ("helps", lambda n: one(wrong, 10, n, 1, True)),
        "+3 points, 3 seeds": ("helps", lambda n: one(replace(w, gain=0.03), 3, n)),
        "+3 points, 5 seeds": ("helps", lambda n: one(replace(w, gain=0.03), 5, n)),
        "+3 points, 10 seeds": ("helps", lambda n: one(replace(w, gain=0.03), 10, n)),
        "+3 points, AUROC, 10 seeds": ("helps", lambda n: one(replace(good, gain=0.03), 10, n)),
        "+3 points, looks": ("helps", lambda n: one(replace(w, gain=0.03), 10, n, 1, True)),
        "+5 points, looks": ("helps", lambda n: one(replace(w, gain=0.05), 10, n, 1, True)),
        "-3 points, 10 seeds": ("hurts", lambda n: one(replace(w, gain=-0.03), 10, n)),
    }


def main() -> None:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="200 trials of each kind")
    parser.add_argument("--trials", type=int, default=2000, help="of each kind")
    parser.add_argument("--only", default="", help="kinds whose name holds this")
    parser.add_argument("--json", type=Path)
    parser.add_argument("--picture", type=Path, help="draw the rates into this file (PNG or SVG)")
    parser.add_argument("--from", dest="trial", type=Path, help="a trial folder: print the spreads of its cells")
    parser.add_argument("--intervals", action="store_true", help="compare ways to draw the interval, and stop")
    parser.add_argument("--real", type=Path, help="images: run true trials of a placebo")
    parser.add_argument("--classes", default="", help="of --real, with commas; default: all")
    parser.add_argument("--models", default="effnet-probe", help="of --real, with commas")
    parser.add_argument("--out", type=Path, default=Path("placebo-benchmark"), help="of --real")
    parser.add_argument("--minutes", type=float, default=1e9, help="begin no trial of --real after this time")
    args = parser.parse_args()
    if args.real is not None:
        real_placebos(args)
        return
    if args.intervals:
        intervals()
        return
    if args.trial is not None:
        print_spreads(args.trial)
        return
    trials = 200 if args.quick else args.trials
    rows: dict[str, Row] = {}
    print(
        f"{'trials of ' + str(trials):36}{'counted':>8}{'rate':>8}{'95 % interval':>17}{'other way':>11}{'seeds':>7}"
        f"{'covers':>8}{'sd':>6}"
    )
    for name, (word, trial) in scenarios().items():
        if args.only in name:
            rows[name] = count(name, word, trial, trials)
            keep(args.json, {"trials": trials, "kinds": rows})
    if args.picture is not None:
        draw(rows, args.picture)
    none = [row["rate"] for name, row in rows.items() if name.startswith("placebo")]
    print(f"figure: false_helps {max(none, default=float('nan')):.4f}")


def count(name: str, word: str, trial: Callable[[int], Row], trials: int) -> Row:
    """Judge the trials of one kind, print and return how often the word is said."""
    start = time.perf_counter()
    done = [trial(number) for number in range(trials)]
    said = sum(word in row["words"] for row in done)
    other = sum(({"helps", "hurts"} - {word}).pop() in row["words"] for row in done)
    low, high = wilson(said, trials)
    gains = np.array([row["gain"] for row in done])
    truth = {"+3": 0.03, "+5": 0.05, "-3": -0.03}.get(name[:2], 0.0)
    right = [row for row in done if row["control"] != "real"] if "wrong" not in name else []
    covers = float(np.mean([row["low"] <= truth <= row["high"] for row in right])) if right else float("nan")
    out = {
        "word": word,
        "said": said,
        "trials": trials,
        "rate": said / trials,
        "interval": [low, high],
        "other": other / trials,
        "seeds": float(np.mean([row["seeds"] for row in done])),
        "covers": covers,
        "mean_gain": float(gains.mean()),
        "spread": float(np.mean([row["spread"] for row in done])),
        "parts": np.sqrt(np.mean(np.square([row["parts"] for row in done]), axis=0)).tolist(),
        "seconds": time.perf_counter() - start,
    }
    print(
        f"{name:36}{word:>8}{100 * out['rate']:7.2f}%{100 * low:8.2f} - {100 * high:5.2f}%{100 * out['other']:10.2f}%"
        f"{out['seeds']:7.1f}{covers:8.3f}{100 * out['spread']:6.2f}",
        flush=True,
    )
    return out


def real_placebos(args: argparse.Namespace) -> None:
    """Run trials of two repeats with a placebo for a generator, and print how often it is said to help or to hurt.

    A trial gives no verdict with two repeats; the rule is applied all the same, as it is to three and more.
    """
    from flawforge import trial
    from flawforge.data.reading.load import load

    data = load(args.real)
    models, classes = tuple(args.models.split(",")), args.classes.split(",") if args.classes else None
    deadline = time.monotonic() + 60 * args.minutes
    found: dict[str, list[Row]] = {model: [] for model in models}
    for number in range(args.trials):
        folder = args.out / f"{'-'.join(classes or ['all'])}-{number:03d}"
        if time.monotonic() < deadline:
            trial(
                data,
                folder,
                classes=classes,
                shots=(5,),
                seeds=2,
                seed=1000 + number,
                arms=CONTROLS,
                models=models,
                workers=1,
                early_stop=False,
                keep_model=False,
            )
        for model in models:
            if (row := placebo(folder, model)) is not None:
                found[model].append(row)
    for model, rows in found.items():
        gains = np.array([row["gain"] for row in rows])
        print(f"{model}: {len(rows)} trials, mean gain {100 * gains.mean():+.2f} points, SD {100 * gains.std():.2f}")
        for word in ("helps", "hurts"):
            said = sum(row[word] for row in rows)
            print(
                f"  {word}: {said} of {len(rows)} (95 % interval {100 * exact(said, len(rows))[0]:.1f} to "
                f"{100 * exact(said, len(rows))[1]:.1f} %)"
            )
    keep(args.json, {"trials": found})


def placebo(folder: Path, model: str) -> Row | None:
    """Return what the rule says of the placebo of one real trial of two repeats; None where it is not done."""
    from flawforge.metrics.inference.paired import gain
    from flawforge.metrics.inference.power import ERROR
    from flawforge.studies.trial.analysis.comparison import p_helps, p_hurts
    from flawforge.studies.trial.analysis.record import evidence_of, read_results
    from flawforge.studies.trial.setup.bench import FACTS, load_bench

    if not (folder / FACTS).is_file():
        return None
    bench = load_bench(folder)
    found = evidence_of(bench, read_results(folder, bench, 2), ((2, 2),))
    setting, others = (5, model), ["classical", "real"]
    if found.repeats(setting, list(CONTROLS)) != [0, 1]:
        return None
    own = found.resampled(setting, "placebo", [0, 1])
    gains = {other: gain(own - found.resampled(setting, other, [0, 1])) for other in others}
    return {
        "gain": gains["classical"].value,
        "helps": bool(p_helps(gains) <= ERROR),
        "hurts": bool(p_hurts(gains) <= ERROR),
    }


def exact(part: int, whole: int) -> tuple[float, float]:
    """Return the 95 % interval of a share (Clopper & Pearson 1934)."""
    low = special.betaincinv(part, whole - part + 1, 0.025) if part else 0.0
    high = special.betaincinv(part + 1, whole - part, 0.975) if part < whole else 1.0
    return float(low), float(high)


def intervals(trials: int = 4000, groups: int = 200) -> None:
    """Print how often an interval over crossed seeds and groups misses 0 on one side, for two quantiles."""
    draws = np.random.default_rng(5)
    print(f"{'seeds':>5}{'SD of seeds, groups, both':>28}{'Satterthwaite':>15}{'ours':>9}{'width':>8}")
    for seeds in (3, 5, 10):
        for own, shared, both in ((0.017, 0, 0), (0.017, 0.05, 0.15), (0.017, 0.1, 0.2), (0.006, 0.1, 0.2)):
            missed, width = np.zeros(2), np.zeros(2)
            for _ in range(trials // 500):
                x = own * draws.standard_normal((500, seeds, 1)) + shared * draws.standard_normal((500, 1, groups))
                x = x + both * draws.standard_normal((500, seeds, groups))
                first, pooled = x.mean(2).var(1, ddof=1) / seeds, x.mean(1).var(1, ddof=1) / groups
                mixed = np.maximum(0, (x.var(2, ddof=1).mean(1) / groups - pooled) * seeds / (seeds - 1))
                second = np.maximum(0, pooled - mixed / seeds)
                freedom = (first + second) ** 2 / (first**2 / (seeds - 1) + second**2 / (groups - 1))
                pairs = zip(first, second, strict=True)
                weighed = [Student(a, seeds - 1, b, groups - 1).quantile(0.025) for a, b in pairs]
                for place, quantile in enumerate((special.stdtrit(freedom, 0.975), np.array(weighed))):
                    reach = quantile * np.sqrt(first + second)
                    missed[place] += (abs(x.mean((1, 2))) > reach).sum() / 2
                    width[place] += reach.mean()
            print(
                f"{seeds:5d}{f'{own:g}, {shared:g}, {both:g}':>28}{100 * missed[0] / trials:14.2f}%"
                f"{100 * missed[1] / trials:8.2f}%{width[1] / width[0]:8.3f}",
                flush=True,
            )


def wilson(part: int, whole: int, z: float = 1.959964) -> tuple[float, float]:
    """Return the 95 % score interval of a share (Wilson 1927)."""
    share = part / whole
    middle = (share + z * z / (2 * whole)) / (1 + z * z / whole)
    half = z * np.sqrt(share * (1 - share) / whole + z * z / (4 * whole**2)) / (1 + z * z / whole)
    return max(0.0, float(middle - half)), min(1.0, float(middle + half))


def print_spreads(folder: Path) -> None:
    """Print how the differences to the control vary between the seeds of a real trial."""
    from flawforge.runs.trials import read_trial

    record = read_trial(folder)
    for found in record.comparisons:
        spread = float(np.std(found.differences, ddof=1))
        print(
            f"{found.shots} shots, {found.model}, {found.arm} - {found.control}: SD between {len(found.seeds)} seeds "
            f"{100 * spread:.2f} points, interval {found.gain.low} to {found.gain.high}"
        )


def draw(rows: dict[str, Row], file: Path) -> None:
    """Draw how often the word is said, without and with a gain, with 95 % intervals."""
    import matplotlib as mpl

    mpl.use("Agg")
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(1, 2, figsize=(11, 3.8), layout="constrained")
    without = [name for name in rows if name.startswith(("placebo", "no gain"))]
    for panel, names in zip(axes, (without, [name for name in rows if name not in without]), strict=True):
        for y, name in enumerate(reversed(names)):
            row = rows[name]
            low, high = (100 * end for end in row["interval"])
            panel.plot([low, high], [y, y], color="#1a5f96", linewidth=2)
            panel.plot(100 * row["rate"], y, "o", color="#1a5f96")
        panel.set_yticks(range(len(names)), list(reversed(names)))
        panel.grid(axis="x", alpha=0.3)
    axes[0].axvline(2.5, color="#b04a12", linestyle="--")
    axes[0].set(title="no gain: “helps” said all the same", xlabel="% of trials (at most 2.5 is promised)")
    axes[0].set_xlim(left=0)
    axes[1].axvline(90, color="#b04a12", linestyle="--")
    axes[1].set(title="planted: found", xlabel="% of trials", xlim=(0, 101))
    figure.suptitle("Simulated trials, 95 % intervals", fontsize=10)
    figure.savefig(file, dpi=110)


if __name__ == "__main__":
    main()
