"""Quality against training time: `fewshot` beside `dcgan-sn`, judged on real images that neither has seen.

Four experiments on NEU-DET: all training images of the scratches, and all six classes with 10, 20 and 50 images each
(`fewshot` learns them together, `dcgan-sn` one after the other). Held out are whole overlap groups. Both are judged at
64x64, larger images averaged down, by the numbers of `quality_yardstick`; judging costs the training nothing.

The reference takes hours, so its curve is kept: `--reference STEPS` goes on with it (our own step, the same
mathematics) and notes at which steps it had which quality. Its minutes are those steps times the seconds that a step of
the plain loop takes, timed in this run. The curve of `fewshot` is trained and timed in this run, or goes on where a run
on this machine was stopped. Nothing is extrapolated: how far the reference came is said.

    python benchmarks/quality_for_time.py [--quick] [--experiments scratches 20] [--minutes 0.5 1 2 4 8]
        [--reference STEPS] [--folder RUNS] [--json FILE] [--picture FILE]
"""

from __future__ import annotations

import os

os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

import argparse
import json
import statistics
import tempfile
from pathlib import Path
from typing import Any

import torch

from flawforge.core.settings.recipes import recipe
from flawforge.data.dataset import Dataset
from flawforge.data.reading.load import load
from flawforge.models.latents import draw_latents
from flawforge.runs.versions import now, processor
from machine import machine, timed
from plain_dcgan import PlainLoop, plain_discriminator, plain_generator
from quality_curve import Course, told
from quality_picture import draw
from quality_yardstick import Parts, Yardstick, cut

NEU = Path(os.environ.get("FLAWFORGE_DATA", "../shared/data")) / "neu-det"
KEPT = Path(__file__).resolve().parents[1] / "docs" / "results" / "quality-for-time.json"
EXPERIMENTS = ("scratches", "10", "20", "50")
SLICE = 80  # steps of the reference between two looks
GOAL = {"scratches": 40, "10": 10, "20": 10, "50": 10}  # how much sooner `fewshot` is to be where the reference ends

Found = dict[str, Any]


def find_parts(name: str, whole: Dataset) -> tuple[Parts, Dataset]:
    """Return an experiment's two sides, and what is trained on."""
    if name == "scratches":
        parts = cut(whole.select(["scratches"]), 0.7)
        return parts, parts.training
    parts = cut(whole, 0.5)
    return parts, parts.training.select(shots=int(name))


def references(name: str, data: Dataset, folder: Path) -> dict[str, Course]:
    """Return the trainings of `dcgan-sn`, one a class."""
    # Its own step in bfloat16 where the processor has it: only quality at a step is taken from here, not its time.
    return {
        label: Course(folder / f"dcgan-sn-{name}-{label}", data.select([label]), "dcgan-sn", {"precision": "auto"})
        for label in data.classes
    }


def go_on(courses: dict[str, Course], steps: int) -> None:
    """Train each reference `steps` steps further, or to its end."""
    published = recipe("dcgan-sn")
    for course in courses.values():
        end = published.steps(len(course.data))
        at = course.newest()
        done = at.step if at is not None else 0
        goal = min(done + steps, end)
        while done < goal:
            done = min(done + SLICE, goal)
            course.train_to(kimg=done * published.batch / 1000)


def plain_seconds(rounds: int) -> float:
    """Return the median seconds of a step of the plain loop, after a warm one."""
    loop = PlainLoop(plain_generator(), plain_discriminator())
    latents = draw_latents(0, "latents", [(i,) for i in range(12)], 100)
    real = torch.rand(12, 3, 128, 128, generator=torch.Generator().manual_seed(0)) * 2 - 1
    return statistics.median([timed(lambda: loop.step(real, latents)) for _ in range(rounds + 1)][1:])


def measure(name: str, whole: Dataset, minutes: list[float], steps: int, folder: Path, kept: Found) -> Found:
    """Return all that is known of one experiment, but for the reference's time."""
    parts, data = find_parts(name, whole)
    yardstick = Yardstick(parts)
    courses = references(name, data, folder)
    if steps:
        go_on(courses, steps)
    known: Found = kept.get("reference", {})
    for label, course in courses.items():
        points = course.curve(yardstick, print) if course.kept.exists() else []
        if points and (label not in known or points[-1]["step"] >= known[label]["points"][-1]["step"]):
            known[label] = {
                "points": [{"step": p["step"], **p["classes"][label]} for p in points],
                "steps": recipe("dcgan-sn").steps(len(course.data)),
                "data": course.data.fingerprint,
                "made": now(),
                "processor": processor(),
                "precision": "auto",
                "seed": 0,
            }
    for label, course in courses.items():
        if label in known and known[label]["data"] != course.data.fingerprint:
            raise SystemExit(f"the kept reference of {name}, {label} was trained on other images; run it again")
    ours = Course(folder / f"fewshot-{name}", data, "fewshot", {})
    for length in minutes:
        ours.train_to(minutes=length)
    curve = ours.curve(yardstick, print) if ours.kept.exists() else []
    of_all = "scratches, all" if name == "scratches" else f"six classes, {name}"
    return {
        "name": name,
        "title": f"{of_all} images" + ("" if name == "scratches" else " each"),
        "training": len(data),
        "held_out": len(parts.held_out),
        "classes": list(data.classes),
        "real": yardstick.real_against_real()["mean"],
        "reference": known,
        "fewshot": [
            {"minutes": p["seconds"] / 60, "kimg": p["kimg"], "mean": p["classes"]["mean"], "classes": p["classes"]}
            for p in curve
        ],
    }


def count_time(found: Found, seconds: float) -> None:
    """Add the reference's curve in the plain loop's minutes: at the steps that all classes have reached."""
    labels, known = found["classes"], found["reference"]
    at = [{p["step"]: p for p in known[label]["points"]} if label in known else {} for label in labels]
    common = sorted(set.intersection(*(set(points) for points in at)))
    names = list(found["real"])
    found["dcgan-sn"] = [
        {
            "minutes": step * len(labels) * seconds / 60,
            "step": step,
            "mean": {name: statistics.fmean(points[step][name] for points in at) for name in names},
        }
        for step in common
    ]
    full = sum(recipe("dcgan-sn").steps(found["training"] // len(labels)) for _ in labels)
    found["full_steps"], found["full_minutes"] = full, full * seconds / 60


def compare(found: Found) -> Found:
    """Return when `fewshot` was where the reference came to: class by class, at the reference's last and best point."""
    a_step = found["full_minutes"] / found["full_steps"] * len(found["classes"])

    def beside(label: str, point: Found) -> Found:
        theirs = point["step"] * a_step
        first = next((p for p in found["fewshot"] if p["classes"][label]["kid"] <= point["kid"]), None)
        return {
            "steps": point["step"],
            "kid": point["kid"],
            "reference_minutes": theirs,
            "minutes": first["minutes"] if first else None,
            "speedup": theirs / first["minutes"] if first else None,
        }

    out: Found = {}
    for label, known in found["reference"].items():
        best = min(known["points"], key=lambda point: point["kid"])
        out[label] = {"of": known["steps"], **beside(label, known["points"][-1]), "best": beside(label, best)}
    return out


def show(found: Found) -> None:
    """Print one experiment."""
    print(f"\n{found['title']}: {found['training']} to learn from, {found['held_out']} held out")
    print(f"{'':12}{'minutes':>9}{'length':>12}{'kid':>9}{'scattering':>12}{'coverage':>10}{'coverage2':>11}")
    for name, unit in (("dcgan-sn", "step"), ("fewshot", "kimg")):
        for point in found[name]:
            row = point["mean"]
            length = f"{point[unit]:.0f} steps" if unit == "step" else f"{point[unit]:.1f} kimg"
            print(
                f"{name:12}{point['minutes']:9.2f}{length:>12}{row['kid']:9.1f}{row['scattering']:12.2f}"
                f"{row['coverage']:10.2f}{row['coverage2']:11.2f}"
            )
    print(f"{'real':12}{'':21} " + told(found["real"]))
    for label, row in found["against"].items():
        end = "its end" if row["steps"] >= row["of"] else f"{row['steps']:.0f} of {row['of']} steps"
        when = f"fewshot is there after {row['minutes']:.2f}" if row["minutes"] else "fewshot is not there yet"
        print(
            f"  {label}: dcgan-sn at {end}, {row['reference_minutes']:.1f} minutes in all: kid {row['kid']:.0f}; {when}"
        )
        best = row["best"]
        when = f"fewshot is there after {best['minutes']:.2f}" if best["minutes"] else "fewshot is not there yet"
        print(
            f"    its best look, step {best['steps']:.0f}, after {best['reference_minutes']:.1f} minutes: kid "
            f"{best['kid']:.0f}; {when}" + (f" ({best['speedup']:.0f} times sooner)" if best["speedup"] else "")
        )
    goal = GOAL[found["name"]]
    print(
        f"  all of dcgan-sn would take {found['full_minutes']:.0f} minutes; 1/{goal} of it is "
        f"{found['full_minutes'] / goal:.1f}"
    )


def main() -> None:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--experiments", nargs="+", choices=EXPERIMENTS, default=list(EXPERIMENTS))
    parser.add_argument("--minutes", nargs="+", type=float, default=[0.5, 1, 2, 4, 8], help="where fewshot is judged")
    parser.add_argument("--reference", type=int, default=0, metavar="STEPS", help="train dcgan-sn so many steps on")
    parser.add_argument("--kept", type=Path, default=KEPT, help="result file whose reference curves are taken")
    parser.add_argument("--folder", type=Path, help="where runs lie, to go on later (default: a temporary one)")
    parser.add_argument("--quick", action="store_true", help="scratches only, fewshot for one minute")
    parser.add_argument("--json", type=Path)
    parser.add_argument("--picture", type=Path)
    args = parser.parse_args()
    if not NEU.is_dir():
        raise SystemExit(f"no images at {NEU}; FLAWFORGE_DATA names the folder that holds neu-det")
    names = ["scratches"] if args.quick else args.experiments
    minutes = [0.5, 1.0] if args.quick else sorted(args.minutes)

    kept = {e["name"]: e for e in json.loads(args.kept.read_text())["experiments"]} if args.kept.exists() else {}
    whole, seconds = load(NEU), plain_seconds(2 if args.quick else 5)
    print(f"a step of the plain loop takes {seconds:.2f} s on {torch.get_num_threads()} thread(s)")
    with tempfile.TemporaryDirectory() as temporary:
        folder = args.folder if args.folder is not None else Path(temporary)
        folder.mkdir(parents=True, exist_ok=True)
        done = dict(kept)
        for name in names:
            found = measure(name, whole, minutes, args.reference, folder, kept.get(name, {}))
            count_time(found, seconds)
            found["against"] = compare(found)
            show(found)
            done[name] = found
            result = {
                "machine": machine(),
                "threads": torch.get_num_threads(),
                "plain_seconds": seconds,
                "experiments": [done[name] for name in EXPERIMENTS if name in done],
            }
            if args.json is not None:
                args.json.parent.mkdir(parents=True, exist_ok=True)
                args.json.write_text(json.dumps(result, indent=1) + "\n")
        if args.picture is not None:
            draw(result, args.picture)
    ratios = [r["speedup"] for r in done[names[0]]["against"].values() if r["speedup"] is not None]
    print(f"figure: speedup {min(ratios) if ratios else float('nan'):.2f}")


if __name__ == "__main__":
    main()
