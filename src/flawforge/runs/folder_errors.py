"""Folders that are not what was asked for: what they hold instead, and what to do."""

from __future__ import annotations

import shlex
from pathlib import Path

from flawforge.core.errors import RunExistsError, RunNotFoundError, did_you_mean
from flawforge.core.folder_kinds import MARKS, Kind, an_image_in, kinds_in, seen_in

MAKERS: dict[Kind, str] = {
    "run": "flawforge train {data} --out {out}",
    "trial": "flawforge trial {data} --out {out}",
    "search": "flawforge search {data} --out {out}",
    "synthetic set": "flawforge generate RUN -n 64 --out {out}",
    "dataset export": "flawforge export RUN --format imagefolder --out {out}",
    "model": "flawforge trial {data} --out {out}",
    "prediction": "flawforge predict MODEL {data} --out {out}",
    "projection": "flawforge project RUN IMAGE --out {out}",
    "generator export": "flawforge export-model RUN --out {out}",
    "judgement": "flawforge audit {data} --synthetic DIR --out {out}",
}


def refuse_other(folder: Path, wanted: Kind) -> None:
    """Refuse to begin a run, trial, search or set in a folder that holds another of them, or where a file is.

    Raises:
        RunExistsError: so it is; nothing was written.
    """
    if folder.exists() and not folder.is_dir():
        raise RunExistsError(f"{folder} is a file; --out takes a folder.")
    others = [kind for kind in kinds_in(folder) if kind != wanted]
    if others:
        raise RunExistsError(
            f"{folder} holds a {others[0]}, and a {wanted} needs a folder of its own; give another --out."
        )


def not_found(folder: Path, *wanted: Kind) -> RunNotFoundError:
    """Return the error for a folder that is none of what was wanted: it says what is there, and what to do.

    Args:
        folder: what was named.
        wanted: what would have served; the first is what the message tells how to make.
    """
    kind, held = wanted[0], kinds_in(folder)
    named = " or ".join([*([", ".join(wanted[:-1])] if len(wanted) > 1 else []), wanted[-1]])
    if not folder.exists():
        return RunNotFoundError(f"there is no folder {folder}.{_near(folder)} {_make(kind, out=folder)}")
    if not folder.is_dir():
        found, advice = "it is a file", _make(kind)
    elif held:
        found, advice = f"it holds a {held[0]}", _instead(folder, held[0], kind)
    elif any((folder / "records" / f"{verb}.json").is_file() for verb in ("audit", "score", "pod")):
        found = "it holds what was found of a run"
        advice = f"That run's page shows it: flawforge report RUN --records {_word(folder)}"
    elif image := an_image_in(folder):
        beside = folder.with_name(f"{folder.name}-run") if folder.name else "OUT"
        found = f"it holds images ({image})"
        advice = _make(kind) if kind == "synthetic set" else _make(kind, folder, beside)
    elif not any(folder.iterdir()):
        found, advice = "it is empty", _make(kind, out=folder)
    else:
        found, advice = f"it has no {MARKS[kind][0]}", _make(kind)
    return RunNotFoundError(f"{folder} is no {named}: {found}. {advice}")


def _make(kind: Kind, data: Path | str = "DATA", out: Path | str = "OUT") -> str:
    return f"A {kind} is made by: {MAKERS[kind].format(data=_word(data), out=_word(out))}"


def _near(folder: Path) -> str:
    try:
        beside = [path.name for path in folder.absolute().parent.iterdir() if path.is_dir()]
    except OSError:  # the folder above is missing as well
        return ""
    return did_you_mean(folder.name, beside)


def _instead(folder: Path, held: Kind, wanted: Kind) -> str:
    """Return what to do with what is there."""
    if wanted == "run" and (inside := _runs_in(folder, held)):
        return f"{inside} is a run of its own; the {held}'s page is drawn by: flawforge report {_word(folder)}"
    if held == "synthetic set":
        parent = folder.parent
        return (
            f"Its run is {parent}."
            if "run" in kinds_in(parent)
            else "Name the run that it was made from, and the set "
            f"by --synthetic {_word(folder)}, where the command takes one."
        )
    if held == "run" and wanted == "synthetic set":
        return f"Its set lies in {folder / 'synthetic'}."
    return f"What is there is shown by: {seen_in(held, folder)}"


def _runs_in(folder: Path, held: Kind) -> Path | None:
    """Return a run that a trial or a search keeps inside, the first by name, or None."""
    inner = folder / {"trial": "generators", "search": "trials"}.get(held, "")
    if inner == folder or not inner.is_dir():
        return None
    return min((path for path in inner.iterdir() if "run" in kinds_in(path)), default=None)


def _word(path: Path | str) -> str:
    return shlex.quote(str(path))
