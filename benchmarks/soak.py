"""Try to break it: kill, fill the disk, set the clock back, damage files, load the server; and count what is lost.

One row for each way, kept in FOLDER as soon as it is done, so that the same call goes on with the next:

    training    kills of a training, every other one in the middle of a checkpoint: bit-equal to an undisturbed one
    trial       kills of a trial: the same record as an undisturbed one
    search      kills of a search: each setting tried once, none missing
    studio      kills of the studio and of the job that it started, in turn: the job is found again and goes on
    full-disk   a small disk that is full, for each command that writes: said in a line, and done once there is room
    read-only   a disk that may only be read: reading commands work, writing ones say so before they begin
    clock       the clock is a year back: training goes on, images and audit are made
    three       three trainings in one folder: one works, two say who does
    ray         a node of a cluster dies in the middle of a trial (Ray): nothing lost, nothing twice
    damaged     image files with random damage: each read or named, no crash
    labels      label files with random damage, in every format with such files: read or refused with a reason
    serve       the server under load in six steps: bounded, memory flat within 5 %
    formats     folders that earlier versions wrote open

    python benchmarks/soak.py --folder FOLDER [--rows training trial ...] [--scale 1] [--json FILE]

`--scale 0.1` deals a tenth of the blows. full-disk and read-only need Linux and the right to mount a tmpfs; without it
they are told as not tried. `figure: failed` is the number of rows in which anything was lost, doubled or unexplained.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from drawn_labels import DRAWN
from machine import keep

HERE = Path(__file__).resolve().parent
SMALL = ("--recipe", "dcgan-lite", "--resolution", "16", "--generator-depth", "2", "--discriminator-depth", "2")
SMALL_TRIAL = (
    *("--shots", "4", "--model", "small-cnn", "--resolution", "32", "--steps", "12", "--batch", "6", "--made", "4"),
    *("--arms", "real,classical,compose,placebo", "--workers", "1", "--no-early-stop", "--no-model"),
)
LABELLED = {"coco": "*.json", "yolo": "*.txt", "voc": "*.xml", "labelme": "*.json"}  # ours with label files
LONGEST = 20  # seconds that damaged labels of a dozen images may take
TMPFS = "4M"


@dataclass
class Row:
    """What came of one way.

    Attributes:
        way: its name. blows: how many were dealt; 0 where it was not tried.
        wrong: what was lost, doubled or unexplained, a sentence each.
        told: what else a reader should know.
        seconds: that it took.
    """

    way: str
    blows: int = 0
    wrong: list[str] = field(default_factory=list)
    told: str = ""
    seconds: float = 0.0


def command(*words: str | Path, back: int = 0) -> list[str]:
    """Return a command line of this checkout; with `back`, its clock is so many seconds behind."""
    if not back:
        return [sys.executable, "-m", "flawforge", *map(str, words)]
    code = f"import time; real = time.time; time.time = lambda: real() - {back}; from flawforge.cli.main import main"
    return [sys.executable, "-c", f"{code}; main({list(map(str, words))!r})"]


def ran(*words: str | Path, back: int = 0) -> subprocess.CompletedProcess[str]:
    """Run a command to its end."""
    return subprocess.run(command(*words, back=back), capture_output=True, text=True, check=False)


def unexplained(done: subprocess.CompletedProcess[str], what: str, *words: str, ok: bool = False) -> list[str]:
    """Return what is wrong with how a command ended: it should have worked, or have failed and said one of `words`."""
    if "Traceback" in done.stderr + done.stdout:
        return [f"{what}: a traceback"]
    if ok:
        return [] if done.returncode == 0 else [f"{what}: {done.stderr.strip()[-200:]}"]
    said = done.stderr.lower()
    if done.returncode == 0:
        return [f"{what}: it ended as if all were well"]
    return [] if any(word in said for word in words) else [f"{what}: it did not say why ({said.strip()[-200:]})"]


def draw_photos(folder: Path, count: int = 20, side: int = 32) -> Path:
    """Draw two classes of gray images, lines and spots, once."""
    for label in ("line", "spot"):
        (folder / label).mkdir(parents=True, exist_ok=True)
        for number in range(count):
            rng = np.random.default_rng([number, label == "spot"])
            image = rng.integers(60, 120, (side, side))
            row, column = rng.integers(4, side - 8, 2)
            image[slice(None) if label == "line" else slice(row, row + 6), column : column + 5] += 80
            Image.fromarray(image.astype(np.uint8)).save(folder / label / f"{number:02d}.png")
    return folder


def killed_often(words: Sequence[str | Path], kills: int, progress: Callable[[], int], draws: random.Random) -> int:
    """Run a command again and again, killing it at a random moment after it got something done; then let it end.

    Returns:
        How often it was killed: it may end before.
    """
    dealt = 0
    while True:
        before, process = (
            progress(),
            subprocess.Popen(command(*words), stdout=subprocess.DEVNULL, stderr=subprocess.PIPE),
        )
        while process.poll() is None and (dealt >= kills or progress() <= before):
            time.sleep(0.02)
        if process.poll() is None:
            time.sleep(draws.uniform(0, 1))
        if process.poll() is not None:
            if process.returncode and dealt:
                raise RuntimeError((process.stderr.read() if process.stderr else b"").decode()[-500:])
            return dealt
        process.send_signal(signal.SIGKILL)
        process.wait()
        dealt += 1


def soak_training(work: Path, scale: float) -> Row:
    """Kill a training."""
    from kill_resume import kill_and_resume

    with tempfile.TemporaryDirectory(dir=work) as folder:
        found = kill_and_resume(max(2, round(100 * scale)), Path(folder))
    wrong = [] if found.equal else ["the last checkpoint differs from that of the undisturbed run"]
    wrong += [] if found.history_equal else ["the history tells other steps"]
    return Row("training", found.kills, wrong, f"{found.in_writing} in the middle of a write")


def soak_trial(work: Path, scale: float) -> Row:
    """Kill a trial."""
    from flawforge.runs.trials import read_trial

    photos, kills = draw_photos(work / "photos"), max(2, round(30 * scale))
    words = ("--seeds", str(max(3, -(-kills // 2))), *SMALL_TRIAL)
    calm, harried = work / "calm-trial", work / "harried-trial"
    wrong = unexplained(ran("trial", photos, "--out", calm, *words), "the undisturbed trial", ok=True)
    cells = harried / "cells"
    done = killed_often(
        ("trial", photos, "--out", harried, *words), kills, lambda: len(list(cells.glob("*.json"))), random.Random(0)
    )

    def scrubbed(folder: Path) -> dict[str, Any]:
        value: dict[str, Any] = read_trial(folder).model_dump(mode="json")
        for key in ("made", "seconds", "command"):
            value.pop(key)
        for one in value["results"]:
            one.pop("seconds")
        return value

    if not wrong and scrubbed(calm) != scrubbed(harried):
        wrong.append("its record differs from that of the undisturbed trial")
    return Row("trial", done, wrong)


def soak_search(work: Path, scale: float) -> Row:
    """Kill a search."""
    from flawforge.runs.searches import load_search

    photos, kills, out = draw_photos(work / "photos"), max(2, round(30 * scale)), work / "search"
    asked = 2 * kills + 4
    words: tuple[str | Path, ...] = (
        "search",
        photos,
        "--out",
        out,
        "--recipe",
        "dcgan-lite",
        "--resolution",
        "16",
        "--extractor",
        "pixels",
    )
    words += ("--trials", str(asked), "--kimg", "0.08", "--settings", "generator-lr=1e-5..1e-4", "--confirmations", "1")
    done = killed_often((*words, "--resume"), kills, lambda: len(list((out / "trials").glob("*"))), random.Random(1))
    numbers = [one.number for one in load_search(out).trials if one.outcome != "broken off"]
    wrong = [] if len(numbers) == len(set(numbers)) else ["a setting counts twice"]
    wrong += [] if len(numbers) == asked else [f"{len(numbers)} of {asked} settings are there"]
    return Row("search", done, wrong, f"{len(numbers)} settings for {asked} asked")


def soak_studio(work: Path, scale: float) -> Row:
    """Kill the studio and its job in turn."""
    from flawforge.runs.history import History
    from flawforge.server.studio.jobs.jobs import Jobs
    from flawforge.server.studio.workspace import Workspace

    folder = work / "studio"
    draw_photos(folder / "photos")
    values = {"data": "photos", "out": "run", "recipe": "dcgan-lite", "resolution": "16", "batch": "4", "kimg": "40"}
    values |= {"generator_depth": "2", "discriminator_depth": "2"}
    jobs, dealt = Jobs(Workspace(folder)), 0
    wrong: list[str] = []
    id, blows = jobs.start("train", values).id, max(2, round(20 * scale))
    while dealt < blows and not wrong and Jobs(Workspace(folder)).job(id).state == "running":
        server = subprocess.Popen(command("studio", folder, "--port", "0", "--no-browser"), stderr=subprocess.PIPE)
        assert server.stderr is not None
        while b"http" not in (line := server.stderr.readline()) and line:
            pass
        later, before = Jobs(Workspace(folder)), steps(folder / "run")
        while later.job(id).state == "running" and steps(folder / "run") <= before:
            time.sleep(0.05)
        if dealt % 2 == 0:
            server.kill()
            if later.job(id).state not in ("running", "done"):
                wrong.append("the job ended with the studio")
        elif later.job(id).state == "running":
            writer = later._writer(id)
            assert writer is not None
            os.kill(writer.process, signal.SIGKILL)
            while later.job(id).state == "running":
                time.sleep(0.05)
            if (state := later.job(id).state) != "failed":
                wrong.append(f"a killed job counts as {state}")
            id = later.again(id).id
        server.kill()
        server.wait()
        dealt += 1
    while jobs.job(id).state == "running":
        time.sleep(0.2)
    wrong += [] if (state := jobs.job(id).state) == "done" else [f"the last job counts as {state}"]
    told = [line["step"] for line in History(folder / "run" / "history.jsonl").steps()]
    wrong += [] if told == sorted(set(told)) else ["the history tells a step twice"]
    return Row("studio", dealt, wrong, f"{len(jobs.all()) - 1} of the job, which went on each time")


def steps(run: Path) -> int:
    """Return how long a history is."""
    history = run / "history.jsonl"
    return history.stat().st_size if history.exists() else 0


@contextmanager
def small_disk(work: Path) -> Iterator[Path | None]:
    """Give a disk of `TMPFS`; None where none may be mounted."""
    place = work / "disk"
    place.mkdir(exist_ok=True)
    tried = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"size={TMPFS}", "tmpfs", str(place)], capture_output=True, check=False
    )
    try:
        yield place if tried.returncode == 0 else None
    finally:
        if tried.returncode == 0:
            subprocess.run(["umount", str(place)], check=True)


def writers(photos: Path, run: Path, out: Path) -> dict[str, tuple[str | Path, ...]]:
    """Return a command of each kind that writes; what ends in OUT goes to `out`, the rest into the run."""
    return {
        "generate": ("generate", run, "-n", "64", "--overwrite"),
        "audit": ("audit", run, "--pairs", "2", "-k", "2"),
        "score": ("score", run, "--pictures", "2"),
        "report": ("report", run),
        "train": ("train", photos, "--out", out / "trained", *SMALL, "--kimg", "0.1", "--resume"),
        "export": ("export", run, "--format", "yolo", "--out", out / "exported", "--unplaced", "whole-image"),
        "trial": ("trial", photos, "--out", out / "tried", "--seeds", "3", *SMALL_TRIAL),
        "export-model": ("export-model", run, "--out", out / "model"),
    }


def trained(work: Path) -> tuple[Path, Path]:
    """Return photos, and a small run of them with a set, made once."""
    photos, run = draw_photos(work / "photos"), work / "trained"
    if not (run / "records" / "audit.json").is_file():
        ran("train", photos, "--out", run, *SMALL, "--kimg", "0.1", "--shots", "10")
        ran("generate", run, "-n", "16", "--overwrite")
        ran("audit", run, "--pairs", "2", "-k", "2")
    return photos, run


def soak_full_disk(work: Path, scale: float) -> Row:
    """Fill a disk under each command that writes."""
    photos, run = trained(work)
    row = Row("full-disk")
    with small_disk(work) as disk:
        if disk is None:
            return Row("full-disk", told="not tried: no tmpfs may be mounted here")
        shutil.copytree(run, disk / "run")
        for name, words in writers(photos, disk / "run", disk).items():
            filler = disk / "filler"
            with suppress(OSError), filler.open("wb", buffering=0) as file:
                while file.write(bytes(4096)):
                    pass
            row.wrong += unexplained(ran(*words), f"{name} on a full disk", "disk", "space")
            filler.unlink(missing_ok=True)
            row.wrong += unexplained(ran(*words), f"{name} with room again", ok=True)
            shutil.rmtree(disk / "tried", ignore_errors=True)
            row.blows += 1
    return row


def soak_read_only(work: Path, scale: float) -> Row:
    """Take the right to write away."""
    photos, run = trained(work)
    row = Row("read-only")
    with small_disk(work) as disk:
        if disk is None:
            return Row("read-only", told="not tried: no tmpfs may be mounted here")
        shutil.copytree(run, disk / "run")
        subprocess.run(["mount", "-o", "remount,ro", str(disk)], check=True)
        for name, words in writers(photos, disk / "run", disk).items():
            reads = name in ("audit", "score")
            row.wrong += unexplained(ran(*words), f"{name} where nothing may be written", "writ", "read", ok=reads)
            row.blows += 1
        row.wrong += unexplained(ran("inspect", photos), "inspect", ok=True)
    return row


def soak_clock(work: Path, scale: float) -> Row:
    """Set the clock a year back in the middle of the work."""
    photos, run = trained(work)
    shutil.copytree(run, own := work / "clock", dirs_exist_ok=True)
    before = steps(own)
    words: list[tuple[str | Path, ...]] = [
        ("train", photos, "--out", own, *SMALL, "--kimg", "0.2", "--shots", "10", "--resume"),
        ("generate", own, "-n", "8", "--overwrite"),
        ("audit", own, "--pairs", "2", "-k", "2"),
        ("report", own),
    ]
    wrong = [said for one in words for said in unexplained(ran(*one, back=366 * 86400), str(one[0]), ok=True)]
    wrong += [] if steps(own) > before else ["the training did not go on"]
    return Row("clock", len(words), wrong)


def soak_three(work: Path, scale: float) -> Row:
    """Start three trainings in one folder."""
    photos, row = draw_photos(work / "photos"), Row("three")
    for number in range(max(1, round(5 * scale))):
        out = work / f"three-{number}"
        words = command("train", photos, "--out", out, *SMALL, "--kimg", "1", "--resume")
        together = [
            subprocess.Popen(words, stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True) for _ in range(3)
        ]
        ends = [(process.communicate(), process.returncode) for process in together]
        refused = [said for (_, said), code in ends if code]
        if len(refused) != 2 or not all("process" in said and "Traceback" not in said for said in refused):
            row.wrong.append(f"{3 - len(refused)} of three worked, or the others did not say why not")
        row.blows += 1
    return row


def soak_ray(work: Path, scale: float) -> Row:
    """Kill a node of a cluster, by the test that does so."""
    test = HERE.parent / "tests/studies/trial/execution/test_ray.py::test_a_node_that_dies_costs_nothing"
    row = Row("ray")
    for number in range(max(1, round(10 * scale))):
        done = subprocess.run(
            [sys.executable, "-m", "pytest", "-q", "-m", "nightly", "-k", "equal", str(test)],
            cwd=HERE.parent,
            capture_output=True,
            text=True,
            check=False,
        )
        row.wrong += [] if done.returncode == 0 else [f"round {number}: {done.stdout.strip()[-200:]}"]
        row.blows += 1
    return row


def damaged(content: bytes, draws: np.random.Generator) -> bytes:
    """Return a file's content with one random damage: cut, bytes changed, a part doubled, left out or overwritten."""
    if not content:
        return b"\0"
    place, size = int(draws.integers(len(content))), int(draws.integers(1, 64))
    kind = int(draws.integers(5))
    if kind == 0:
        return content[:place]
    if kind == 1:
        changed = bytearray(content)
        for at in draws.integers(len(content), size=size):
            changed[at] = int(draws.integers(256))
        return bytes(changed)
    if kind == 2:
        return content[:place] + content[place : place + size] * 2 + content[place + size :]
    if kind == 3:
        return content[:place] + content[place + size :]
    words = (b"-1", b"1e999", b"nan", b"null", b"{}", b"[]", b"99999999999", b"\xff\xfe", b"", b"\n\n")
    return content[:place] + words[int(draws.integers(len(words)))] + content[place + size % 8 :]


def soak_damaged(work: Path, scale: float) -> Row:
    """Damage image files."""
    photos, row = draw_photos(work / "photos"), Row("damaged")
    kinds: dict[str, dict[str, Any]] = {
        "png": {},
        "jpg": {"quality": 90},
        "bmp": {},
        "tif": {"compression": "tiff_lzw"},
    }
    for number in range(max(1, round(4 * scale))):
        folder = work / f"damaged-{number}"
        for index, file in enumerate(sorted(photos.rglob("*.png"))):
            for form, options in kinds.items():
                place = folder / file.parent.name / f"{file.stem}.{form}"
                place.parent.mkdir(parents=True, exist_ok=True)
                Image.open(file).save(place, **options)
                if index % 8:
                    draws = np.random.default_rng([number, index, len(form), ord(form[0])])
                    place.write_bytes(damaged(place.read_bytes(), draws))
                    row.blows += 1
        done = ran("inspect", folder, "--json")
        row.wrong += unexplained(done, f"inspect, round {number}", ok=done.returncode == 0 or not done.stderr)
    return row


def soak_labels(work: Path, scale: float) -> Row:
    """Damage label files."""
    from flawforge.core.errors import FlawforgeError
    from flawforge.data.reading.load import load

    row, each = Row("labels"), max(10, round(1000 * scale))
    told = []
    for form, pattern in (LABELLED | {name: files for name, (_, files) in DRAWN.items()}).items():
        whole = work / f"labels-{form}"
        if whole.exists():
            pass
        elif form in DRAWN:
            whole.mkdir()
            DRAWN[form][0](whole)
        else:
            _, run = trained(work)
            row.wrong += unexplained(ran("export", run, "--format", form, "--out", whole), f"export to {form}", ok=True)
        refused = 0
        with tempfile.TemporaryDirectory(dir=work) as name:
            shutil.copytree(whole, own := Path(name) / "set")
            files = sorted(file for file in own.rglob(pattern) if file.name not in ("manifest.json",))
            for number in range(each):
                draws = np.random.default_rng([number, len(form)])
                file = files[int(draws.integers(len(files)))]
                content = file.read_bytes()
                file.write_bytes(damaged(content, draws))
                start = time.monotonic()
                try:
                    load(own)
                except FlawforgeError:
                    refused += 1
                except Exception as error:  # noqa: BLE001 - whether there is one is the question
                    row.wrong.append(f"{form}, blow {number}: {type(error).__name__}: {str(error)[:120]}")
                if time.monotonic() - start > LONGEST:
                    row.wrong.append(f"{form}, blow {number}: over {LONGEST} s")
                file.write_bytes(content)
                row.blows += 1
        told.append(f"{form} {refused} of {each} refused")
    row.told = ", ".join(told)
    return row


def soak_serve(work: Path, scale: float) -> Row:
    """Load the server."""
    from serve_load import FLAT, Step, growth

    folder = work / "serve"
    words = ["serve_load.py", "--minutes", f"{max(1.0, 30 * scale):g}", "--folder", str(folder)]
    done = subprocess.run([sys.executable, *words], cwd=HERE, capture_output=True, text=True, check=False)
    if done.returncode:
        return Row("serve", 0, [done.stderr.strip()[-300:]])
    loads = [Step(**step) for step in json.loads((folder / "steps.json").read_text())]
    late = sum(step.answers.get("503", 0) for step in loads)
    strange = {status for step in loads for status in step.answers} - {"200", "422", "429", "503"}
    wrong = [f"answered {', '.join(sorted(strange))}"] if strange else []
    wrong += [f"memory grew by a factor of {growth(loads):.3f}"] if growth(loads) > FLAT else []
    told = [f"p50 {min(step.p50 for step in loads):.2f} to {max(step.p50 for step in loads):.2f} s"]
    told += [
        f"p99 {max(step.p99 for step in loads):.2f} s",
        f"{late} times 503, longer than a minute",
        f"memory {growth(loads):.3f}",
    ]
    return Row("serve", sum(sum(step.answers.values()) for step in loads), wrong, ", ".join(told))


def soak_formats(work: Path, scale: float) -> Row:
    """Open what earlier versions wrote, by the tests that do so."""
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "tests/house/test_old_folders.py"],
        cwd=HERE.parent,
        capture_output=True,
        text=True,
        check=False,
    )
    return Row("formats", 3, [] if done.returncode == 0 else [done.stdout.strip()[-300:]])


WAYS: dict[str, Callable[[Path, float], Row]] = {
    "training": soak_training,
    "trial": soak_trial,
    "search": soak_search,
    "studio": soak_studio,
    "full-disk": soak_full_disk,
    "read-only": soak_read_only,
    "clock": soak_clock,
    "three": soak_three,
    "ray": soak_ray,
    "damaged": soak_damaged,
    "labels": soak_labels,
    "serve": soak_serve,
    "formats": soak_formats,
}


def main() -> None:
    """Run what is not done yet, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--folder", type=Path, required=True, help="where it works and keeps its rows")
    parser.add_argument("--rows", nargs="+", choices=list(WAYS), default=list(WAYS))
    parser.add_argument("--scale", type=float, default=1.0, help="share of the blows")
    parser.add_argument("--json", type=Path)
    args = parser.parse_args()
    args.folder.mkdir(parents=True, exist_ok=True)
    kept = args.folder / f"rows-{args.scale:g}.json"
    rows: dict[str, Row] = {}
    if kept.is_file():
        rows = {name: Row(**row) for name, row in json.loads(kept.read_text()).items()}
    for name in args.rows:
        if name in rows:
            continue
        with tempfile.TemporaryDirectory(dir=args.folder, prefix=f"{name}-") as work:
            start = time.monotonic()
            row = WAYS[name](Path(work), args.scale)
            row.seconds = round(time.monotonic() - start, 1)
        rows[name] = row
        kept.write_text(json.dumps({name: asdict(row) for name, row in rows.items()}, indent=2))
        print(f"{name}: {row.blows} blows, {len(row.wrong)} wrong {row.wrong[:3]} {row.told}", flush=True)
    print("\n| way | blows | wrong | seconds | |\n|---|---:|---:|---:|---|")
    for row in rows.values():
        print(f"| {row.way} | {row.blows or 'not tried'} | {len(row.wrong)} | {row.seconds:.0f} | {row.told} |")
    keep(args.json, {"scale": args.scale, "rows": {name: asdict(row) for name, row in rows.items()}})
    print(f"figure: failed {sum(bool(row.wrong) for row in rows.values())}")


if __name__ == "__main__":
    main()
