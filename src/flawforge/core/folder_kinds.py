"""What a folder of ours holds, seen from outside: a run, trial, search, synthetic set, export, model, ..."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Literal

from flawforge.core.errors import RunExistsError

Kind = Literal[
    "run",
    "trial",
    "search",
    "synthetic set",
    "dataset export",
    "model",
    "prediction",
    "judgement",
    "generator export",
    "projection",
]
MARKS: dict[Kind, tuple[str, ...]] = {  # what is there from the beginning on, all of it
    "run": ("run.json", "checkpoints"),
    "trial": ("bench.json", "bench.safetensors"),
    "search": ("search.json", "trials"),
    "synthetic set": ("set.json",),
    "dataset export": ("export.json", "manifest.jsonl"),
    "model": ("card.json", "weights.safetensors"),
    "prediction": ("prediction.json", "predictions.csv"),
    "generator export": ("card.json", "generator.onnx"),
    "projection": ("projection.json", "projection.png"),
    "judgement": ("judgement.json", "records"),
}
READ_ENDINGS = {".png", ".jpg", ".jpeg", ".jpe", ".jfif", ".bmp", ".dib", ".tif", ".tiff", ".webp"}  # images we read
DEPTH = 3  # folders in folders that are looked into for an image


def kinds_in(folder: Path) -> tuple[Kind, ...]:
    """Return what of ours a folder holds itself; what lies in the folders below it does not count. Nothing is read.

    A foreign file that is named like one of ours is no mark alone.
    """
    return tuple(kind for kind, marks in MARKS.items() if all((folder / mark).exists() for mark in marks))


def refuse_taken(folder: Path, wanted: Kind, overwrite: bool, hidden: bool = False) -> None:
    """Refuse a folder to write into that holds anything but what is wanted, or that where it is not to be replaced.

    Args:
        folder: where it is to be.
        wanted: what is to be written.
        overwrite: may replace what is there.
        hidden: hidden files count too, as the folder itself is replaced; else a folder of these alone is empty.

    Raises:
        RunExistsError: so it is; nothing was written.
    """
    if folder.exists() and not folder.is_dir():
        raise RunExistsError(f"{folder} is a file; --out takes a folder.")
    there = sorted(path.name for path in folder.glob("*" if hidden else "[!.]*")) if folder.is_dir() else []
    if not there:
        return
    if wanted not in kinds_in(folder):
        raise RunExistsError(
            f"{folder} holds files that belong to no {wanted} ({', '.join(there[:3])}). Give --out a folder that is "
            f"empty or does not exist yet."
        )
    if not overwrite:
        raise RunExistsError(
            f"{folder} already holds a {wanted}. Add --overwrite to replace it, or give --out another folder."
        )


def seen_in(kind: Kind, folder: Path) -> str:
    """Return how a person sees what such a folder holds: a command, or a file to open."""
    if kind == "projection":
        return str(folder / "projection.png")
    if kind in ("model", "prediction", "generator export"):
        return str(folder / ("predictions.csv" if kind == "prediction" else "card.md"))
    verb = "inspect" if kind == "dataset export" else "report"
    return f"flawforge {verb} {shlex.quote(str(folder))}"


def an_image_in(folder: Path) -> str | None:
    """Return the path of an image below a folder, or None where none is found three folders deep."""
    below = [folder]
    for _ in range(DEPTH):
        deeper: list[Path] = []
        for here in below:
            try:
                entries = sorted(path for path in here.iterdir() if not path.name.startswith("."))
            except OSError:  # may not be read: then nothing is known of it
                continue
            for path in entries:
                if path.suffix.lower() in READ_ENDINGS and path.is_file():
                    return path.relative_to(folder).as_posix()
            deeper += [path for path in entries if path.is_dir()]
        below = deeper
    return None
