"""Two processes as torchrun starts them, from a server that has imported torch once; a module that they can import."""

from __future__ import annotations

import multiprocessing
import os
import socket
import sys
from pathlib import Path

from flawforge.cli.main import main


def command_in_two_processes(folder: Path, *words: str) -> list[tuple[int | None, str]]:
    """Let two processes do one command line in a folder; return the exit code of each, and what it printed."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["torch._dynamo", "flawforge.training.train"])
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    processes = [context.Process(target=_be, args=(rank, port, str(folder), words)) for rank in (0, 1)]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
    return [(process.exitcode, (folder / f"rank{rank}.txt").read_text()) for rank, process in enumerate(processes)]


def _be(rank: int, port: int, folder: str, words: tuple[str, ...]) -> None:
    """Be process `rank` of two: its place in the environment, what it prints in a file."""
    place = {"RANK": rank, "LOCAL_RANK": rank, "WORLD_SIZE": 2, "LOCAL_WORLD_SIZE": 2}
    os.environ.update({name: str(value) for name, value in place.items()})
    os.environ.update(MASTER_ADDR="127.0.0.1", MASTER_PORT=str(port), OMP_NUM_THREADS="1")
    os.chdir(folder)
    with Path(f"rank{rank}.txt").open("w") as sys.stdout:
        main(list(words))
