"""Load the server in six steps, from one client to 32, and see whether it stays bounded.

A server of a small run is started as a user starts it. In each step so many clients ask without a pause, for single
images, tars, and now and then for something that is not allowed. Told for each step: answers by status, the median and
the 99th percentile of the seconds until an answer was whole, and the server's memory at the end. Memory is flat where
no step ends more than 5 % above the end of the first, each client asking for the same mix.

A step that is done is kept in the folder: the same call goes on with the next, with a server of its own, whose memory
is then compared within its own steps.

    python benchmarks/serve_load.py [--run RUN] [--minutes 30] [--folder FOLDER] [--json FILE]
"""

from __future__ import annotations

import argparse
import http.client
import itertools
import json
import random
import re
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from machine import keep

CLIENTS = (1, 2, 4, 8, 16, 32)
FLAT = 1.05
REFUSED_PAUSE = 0.2  # seconds until one who was refused asks again


@dataclass
class Step:
    """What happened with so many clients.

    Attributes:
        clients: that asked at a time. seconds: of the step.
        answers: how many of each status; 0: none came.
        p50, p99: seconds until an answer of status 200 was whole.
        memory_mb: of the server at the end. server: its number; a further call of this program starts another.
    """

    clients: int
    seconds: float
    answers: dict[str, int]
    p50: float
    p99: float
    memory_mb: float
    server: int


def small_run(folder: Path) -> Path:
    """Train a small run of the default design on drawn images, once."""
    import flawforge

    run = folder / "run"
    if not (run / "run.json").is_file():
        flawforge.demo_data(folder / "images", 12)
        flawforge.train(folder / "images", run, kimg=0.1, batch=8)
    return run


class ServedRun:
    """A server as a user starts it, on a free port."""

    def __init__(self, run: Path) -> None:
        """Start it and wait for its address."""
        words = [sys.executable, "-m", "flawforge", "serve", str(run), "--port", "0"]
        self.process = subprocess.Popen(words, stderr=subprocess.PIPE, text=True)
        assert self.process.stderr is not None
        lines = iter(self.process.stderr.readline, "")
        found = next(match for line in lines if (match := re.search(r"http://127\.0\.0\.1:(\d+)", line)))
        self.port = int(found[1])
        threading.Thread(target=self.process.stderr.read, daemon=True).start()

    def memory_mb(self) -> float:
        """Return its resident memory."""
        text = Path(f"/proc/{self.process.pid}/status").read_text(encoding="utf-8")
        found = re.search(r"VmRSS:\s+(\d+) kB", text)
        assert found
        return int(found[1]) / 1024

    def stop(self) -> None:
        """Stop it."""
        self.process.terminate()
        self.process.wait(60)


def client(port: int, number: int, until: float, answers: Counter[str], times: list[float]) -> None:
    """Ask until the time is over."""
    draw = random.Random(number)
    for _ in itertools.count():
        if time.monotonic() > until:
            return
        path = draw.choice(("/image", "/image", "/images?n=16", "/images?n=64", "/images?n=100000"))
        query = f"{'&' if '?' in path else '?'}seed={draw.randrange(1000)}"
        started = time.monotonic()
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=120)
        try:
            connection.request("GET", path + query)
            answer = connection.getresponse()
            answer.read()
            answers[str(answer.status)] += 1
            if answer.status == 200:
                times.append(time.monotonic() - started)
            elif answer.status == 429:
                time.sleep(REFUSED_PAUSE)
        except (OSError, http.client.HTTPException):
            answers["0"] += 1
        finally:
            connection.close()


def load(server: ServedRun, clients: int, seconds: float) -> Step:
    """Do one step."""
    answers: Counter[str] = Counter()
    times: list[float] = []
    until = time.monotonic() + seconds
    asking = [
        threading.Thread(target=client, args=(server.port, 1000 * clients + number, until, answers, times))
        for number in range(clients)
    ]
    for thread in asking:
        thread.start()
    for thread in asking:
        thread.join()
    ordered = sorted(times) or [float("nan")]
    return Step(
        clients=clients,
        seconds=seconds,
        answers=dict(sorted(answers.items())),
        p50=statistics.median(ordered),
        p99=float(np.quantile(ordered, 0.99)),
        memory_mb=server.memory_mb(),
        server=server.process.pid,
    )


def table(steps: list[Step]) -> str:
    """Return the steps as Markdown, and whether memory stayed flat."""
    lines = ["| clients | answers by status | p50, s | p99, s | memory, MB |", "|---:|---|---:|---:|---:|"]
    for step in steps:
        told = ", ".join(f"{status}: {count}" for status, count in step.answers.items())
        lines.append(f"| {step.clients} | {told} | {step.p50:.2f} | {step.p99:.2f} | {step.memory_mb:.0f} |")
    return "\n".join([*lines, "", f"memory grew by a factor of {growth(steps):.3f} at most (flat: below {FLAT})"])


def growth(steps: list[Step]) -> float:
    """Return the largest memory of a server at the end of a step over that at the end of its first."""
    first: dict[int, float] = {}
    return max((step.memory_mb / first.setdefault(step.server, step.memory_mb) for step in steps), default=1.0)


def main() -> None:
    """Load the server, and say how it went."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--run", type=Path)
    parser.add_argument("--minutes", type=float, default=30.0, help="of all six steps together")
    parser.add_argument("--folder", type=Path, help="where a run is made, and steps are kept")
    parser.add_argument("--json", type=Path)
    words = parser.parse_args()
    folder = words.folder or Path(tempfile.mkdtemp())
    folder.mkdir(parents=True, exist_ok=True)
    kept = folder / "steps.json"
    steps = [Step(**step) for step in json.loads(kept.read_text())] if kept.is_file() else []
    server = ServedRun(words.run or small_run(folder))
    try:
        for clients in CLIENTS[len(steps) :]:
            steps.append(load(server, clients, 60 * words.minutes / len(CLIENTS)))
            kept.write_text(json.dumps([asdict(step) for step in steps]))
    finally:
        server.stop()
    print(table(steps))
    keep(words.json, {"minutes": words.minutes, "steps": [asdict(step) for step in steps], "growth": growth(steps)})


if __name__ == "__main__":
    main()
