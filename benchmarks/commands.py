"""Time each command of two checkouts in alternation: is a command slower than it was?

Each command runs as a user runs it, in a process of its own, `python -m flawforge ...`, on the same small drawn images:
first of one checkout, then of the other, the next round the other way round. The other checkout is a commit of this
repository, of which a git worktree is made, or a folder. A ratio is the median of the rounds' own ratios, this checkout
over the other; `worst_ratio` is the largest of all commands.

Times are kept in the folder after each command: the same call goes on where it was stopped, and a higher --rounds adds
rounds.

    python benchmarks/commands.py [--commit b1c5e57 | --other CHECKOUT] [--rounds 7] [--only train score ...]
        [--folder FOLDER] [--processor] [--quick] [--json FILE]
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import shlex
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from machine import keep, median_ratio

ROOT = Path(__file__).resolve().parents[1]
RECIPE = """name = "fewshot"
resolution = "32"
generator_depth = 8
discriminator_depth = 16
batch = 8
"""
NOW, BEFORE = "now", "before"
Times = dict[str, dict[str, list[list[float]]]]  # command -> side -> a round's [wall, processor] seconds


@dataclass(frozen=True)
class Command:
    """What is timed.

    Attributes:
        name: of the row.
        words: after `python`; {kimg} and {steps} are filled in.
        removed: files and folders that are removed first, so that it has the same to do in every round.
        times: how often it runs in a round, of which the median counts: more where it is short.
    """

    name: str
    words: str
    removed: tuple[str, ...] = ()
    times: int = 1


COMMANDS = (
    Command("import", "-c 'import flawforge'", times=9),
    Command("--help", "-m flawforge --help", times=5),
    Command("inspect", "-m flawforge inspect photos", ("cache",)),
    Command("train", "-m flawforge train photos --out run --recipe small.toml --shots 24 --kimg {kimg}", ("run",)),
    Command("generate", "-m flawforge generate run -n 64", ("run/synthetic",)),
    Command("audit", "-m flawforge audit run", ("run/records",)),
    Command("score", "-m flawforge score run"),
    Command("report", "-m flawforge report run"),
    Command("run", "-m flawforge run photos --out all --recipe small.toml --kimg {kimg} -n 24", ("all",)),
    Command(
        "trial",
        "-m flawforge trial photos --out trial --shots 5 --seeds 3 --arms classical,generated,filtered --folds 2 "
        "--recipe small.toml --generator-kimg {kimg} --resolution 32 --steps {steps} --made 16",
        ("trial",),
    ),
    Command(
        "search",
        "-m flawforge search photos --out search --recipe small.toml --kimg {kimg} --trials 3 --confirmations 1",
        ("search",),
    ),
)


def draw_photos(folder: Path, count: int = 40, side: int = 64) -> None:
    """Draw two classes of `count` gray images each, `side` pixels high and wide."""
    rng = np.random.default_rng(0)
    for label in ("scratch", "stain"):
        (folder / label).mkdir(parents=True)
        for number in range(count):
            image = rng.normal(rng.uniform(90, 130), 12, (side, side))
            row, column = rng.integers(8, side - 16, 2)
            if label == "scratch":
                image[:, column : column + 2] += 80
            else:
                image[row : row + 9, column : column + 9] -= 50
            Image.fromarray(image.clip(0, 255).astype(np.uint8)).save(folder / label / f"{number:02d}.png")


class Side:
    """A checkout, and the folder in which its commands run."""

    def __init__(self, checkout: Path, folder: Path) -> None:
        """Prepare the folder; the images are drawn once.

        Args:
            checkout: holds src/flawforge.
            folder: where its commands run; made when it is not there.

        Raises:
            FileNotFoundError: it is no checkout. RuntimeError: Python takes the package from another place.
        """
        if not (checkout / "src" / "flawforge").is_dir():
            raise FileNotFoundError(f"{checkout} is no checkout of Flawforge: it has no src/flawforge.")
        self.folder = folder
        self.environment = {
            **{name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"},
            "PYTHONPATH": str(checkout / "src"),
            "FLAWFORGE_CACHE": str(folder.resolve() / "cache"),
        }
        if not (folder / "photos").is_dir():
            draw_photos(folder / "photos")
        (folder / "small.toml").write_text(RECIPE, encoding="utf-8")
        taken = self._run(["-c", "import flawforge; print(flawforge.__file__)"]).strip()
        if not Path(taken).is_relative_to(checkout.resolve()):
            raise RuntimeError(f"Python takes flawforge from {taken} and not from {checkout}.")

    def seconds(self, command: Command, kimg: float, steps: int) -> list[float]:
        """Return the [wall, processor] seconds of one run of a command: medians where it runs several times.

        Raises:
            RuntimeError: it did not end with exit code 0.
        """
        words = shlex.split(command.words.format(kimg=kimg, steps=steps))
        taken = []
        for _ in range(command.times):
            for name in command.removed:
                shutil.rmtree(self.folder / name, ignore_errors=True)
            wall, processor = time.perf_counter(), _processor_of_children()
            self._run(words)
            taken.append([time.perf_counter() - wall, _processor_of_children() - processor])
        return [statistics.median(values) for values in zip(*taken, strict=True)]

    def _run(self, words: list[str]) -> str:
        done = subprocess.run(
            [sys.executable, *words], cwd=self.folder, env=self.environment, capture_output=True, text=True, check=False
        )
        if done.returncode:
            raise RuntimeError(
                f"python {' '.join(words)} in {self.folder} ended with {done.returncode}:\n{done.stderr}"
            )
        return done.stdout


def _processor_of_children() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def measure(
    sides: dict[str, Side], commands: Iterable[Command], rounds: int, kimg: float, steps: int, file: Path
) -> Times:
    """Run what is missing of the rounds and return all times.

    Args:
        sides: NOW and BEFORE.
        commands: in an order in which each finds what it needs.
        rounds: how many there are in the end.
        kimg: length of the trainings.
        steps: of the trial's classifiers.
        file: keeps the times as JSON; what it holds already is not run again.
    """
    times: Times = json.loads(file.read_text(encoding="utf-8")) if file.is_file() else {}
    for number in range(rounds):
        for command in commands:
            for name in (NOW, BEFORE) if number % 2 else (BEFORE, NOW):
                kept = times.setdefault(command.name, {}).setdefault(name, [])
                if len(kept) > number:
                    continue
                kept.append(sides[name].seconds(command, kimg, steps))
                file.write_text(json.dumps(times, indent=1) + "\n", encoding="utf-8")
                print(f"round {number + 1}, {command.name}, {name}: {kept[-1][0]:.2f} s", file=sys.stderr)
    return times


def ratio(times: Times, name: str, clock: int) -> float:
    """Return the median over the rounds of now / before; `clock` is 0 for wall and 1 for processor seconds."""
    return median_ratio(*([taken[clock] for taken in times[name][side]] for side in (NOW, BEFORE)))


def table(times: Times, clock: int) -> str:
    """Return a Markdown table: medians in seconds, and the ratio with the smallest and the largest of the rounds."""
    lines = ["| command | before, s | now, s | ratio | of the rounds |", "|---|---|---|---|---|"]
    for name, sides in times.items():
        now, before = ([taken[clock] for taken in sides[side]] for side in (NOW, BEFORE))
        single = [a / b for a, b in zip(now, before, strict=True)]
        medians = f"{statistics.median(before):.2f} | {statistics.median(now):.2f} | {ratio(times, name, clock):.3f}"
        lines.append(f"| {name} | {medians} | {min(single):.2f} to {max(single):.2f} |")
    return "\n".join(lines)


def checkout_of(commit: str, folder: Path) -> Path:
    """Return a git worktree of a commit, made below a folder where it is not there yet."""
    place = folder / f"checkout-{commit}"
    if not place.is_dir():
        subprocess.run(["git", "worktree", "add", "--quiet", "--detach", place.resolve(), commit], cwd=ROOT, check=True)
    return place


def main() -> None:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--commit", default="b1c5e57", help="to compare with")
    parser.add_argument("--other", type=Path, help="a checkout to compare with, in place of a commit")
    parser.add_argument("--rounds", type=int)
    names = [command.name for command in COMMANDS]
    parser.add_argument("--only", nargs="+", choices=names, help="each needs what those before it in this list leave")
    parser.add_argument("--folder", type=Path, help="to keep times and go on; default: a temporary one")
    parser.add_argument("--processor", action="store_true", help="compare the processor's seconds: for a busy machine")
    parser.add_argument("--quick", action="store_true", help="one short round")
    parser.add_argument("--json", type=Path)
    args = parser.parse_args()
    kimg, steps, rounds = (0.05, 20, args.rounds or 1) if args.quick else (0.4, 150, args.rounds or 7)
    chosen = [command for command in COMMANDS if not args.only or command.name in args.only]
    with tempfile.TemporaryDirectory() as temporary:
        folder = (args.folder or Path(temporary)).resolve()
        folder.mkdir(parents=True, exist_ok=True)
        other = args.other or checkout_of(args.commit, folder)
        sides = {NOW: Side(ROOT, folder / NOW), BEFORE: Side(other, folder / BEFORE)}
        file = folder / f"times-{kimg:g}-{steps}.json"
        times = measure(sides, chosen, rounds, kimg, steps, file)
    subprocess.run(["git", "worktree", "prune"], cwd=ROOT, check=True)  # of a worktree that went with the folder
    clock = 1 if args.processor else 0
    print(table(times, clock))
    keep(args.json, {"times": times, "kimg": kimg, "steps": steps, "before": str(args.other or args.commit)})
    print(f"figure: worst_ratio {max(ratio(times, name, clock) for name in times):.3f}")


if __name__ == "__main__":
    main()
