"""What two processes do in `tests/training/test_torchrun.py`, started by torchrun: one command after the other.

Each process writes what became of each command into WORK/rank0.json, WORK/rank1.json, and ends as the last one did.
"""

from __future__ import annotations

import contextlib
import io
import json
import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch

from flawforge.cli.main import main
from flawforge.core.errors import DiskFullError
from flawforge.training.loop import step as step_file
from float64 import go_float64

RANK = int(os.environ["RANK"])
SMALL = [
    "--resolution",
    "16",
    "--generator-depth",
    "2",
    "--discriminator-depth",
    "2",
    "--latent",
    "8",
    "--precision",
    "float32",
    "--previews",
    "0",
]
LITE = ["--recipe", "dcgan-lite", *SMALL]
FEWSHOT = ["--recipe", "fewshot", "--batch", "4", "--augment", "full", "--augment-target", "0.1", *SMALL]
real_step = step_file.gan_step


def at_step(number: int, deed: Callable[[Any], Any], rank: int = 1) -> None:
    """Let one process do something in the midst of a step."""

    def step(state: Any, *rest: Any) -> Any:
        if state.step == number and rank == RANK:
            deed(state)
        return real_step(state, *rest)

    step_file.gan_step = step


def spoil(state: Any) -> None:
    next(state.generator.parameters()).data.fill_(float("nan"))


def interrupt_twice(state: Any) -> None:
    for _ in range(2):  # the terminal's, and the one that torchrun passes on
        os.kill(os.getpid(), signal.SIGINT)


def fail(state: Any) -> None:
    raise DiskFullError("the disk of process 1 is full.")


def typed(*words: str) -> dict[str, Any]:
    out, err = io.StringIO(), io.StringIO()
    code = 0
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        try:
            main(list(words))
        except SystemExit as stop:
            code = int(stop.code or 0)
    step_file.gan_step = real_step
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.default_int_handler if number == signal.SIGINT else signal.SIG_DFL)
    return {"code": code, "out": out.getvalue(), "err": err.getvalue()}


def commands(work: Path) -> dict[str, Callable[[], dict[str, Any]]]:
    data = str(work / "data")

    def lite(name: str, *words: str, data: str = data, batch: str = "4") -> Callable[[], dict[str, Any]]:
        return lambda: typed("train", data, "--out", str(work / name), "--batch", batch, *LITE, *words)

    def after(deed: Callable[[Any], Any], then: Callable[[], dict[str, Any]], step: int = 3) -> Any:
        return lambda: (at_step(step, deed), then())[1]

    def in_float64() -> dict[str, Any]:
        torch.set_default_dtype(torch.float64)
        go_float64(setattr)
        words = ["train", data, "--out", str(work / "fewshot"), *FEWSHOT, "--kimg", "0.016", "--resume"]
        return typed(*words)

    other = str(work / "other") if RANK == 1 else data
    return {
        "another verb": lambda: typed("run", data, "--out", str(work / "run")),
        "odd batch": lite("odd", "--kimg", "0.04", batch="5"),
        "other images": lite("other-images", "--kimg", "0.04", data=other),
        "not a number": after(spoil, lite("diverged", "--kimg", "0.4")),
        "ctrl-c": after(interrupt_twice, lite("stopped", "--kimg", "100"), 7),
        "minutes": lite("minutes", "--minutes", "0.1"),
        "fewshot goes on": in_float64,
        # The others hear of these two when the process ends: each is the last command of its launch.
        "one fails": after(fail, lite("failed", "--kimg", "0.4")),
        "one vanishes": after(lambda _: os._exit(9), lite("vanished", "--kimg", "0.4")),
    }


if __name__ == "__main__":
    folder, told = Path(sys.argv[1]), {}
    for name in sys.argv[2:]:
        told[name] = commands(folder)[name]()
        (folder / f"rank{RANK}.json").write_text(json.dumps(told))
    sys.exit(told[name]["code"])
