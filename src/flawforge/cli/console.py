"""Where the command line draws: results to standard output, progress and messages to standard error."""

from __future__ import annotations

import io
import itertools
import json
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from importlib.util import find_spec
from pathlib import Path
from shlex import quote
from typing import IO, TYPE_CHECKING, Any, cast

from rich.console import Console
from rich.markup import escape
from rich.progress import (
    BarColumn,
    ProgressColumn,
    SpinnerColumn,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from rich.progress import Progress as Bars
from rich.progress import Task as BarTask
from rich.text import Text

from flawforge.core.errors import as_arguments
from flawforge.core.folder_kinds import kinds_in
from flawforge.core.launch import launched
from flawforge.core.progress import SILENT, Progress, Task, show

if TYPE_CHECKING:
    from flawforge.runs.records import Levelling, Record


class _Lasting:
    """Standard error that is written as long as somebody reads it: a closed terminal or a dead parent ends no work."""

    def __getattr__(self, name: str) -> Any:
        return getattr(sys.stderr, name)

    def write(self, text: str) -> int:
        """Write what can be written."""
        with suppress(OSError, ValueError):
            sys.stderr.write(text)
        return len(text)

    def flush(self) -> None:
        """Pass it on while there is somebody."""
        with suppress(OSError, ValueError):
            sys.stderr.flush()


out = Console(highlight=False, soft_wrap=not sys.stdout.isatty())
err = Console(file=cast("IO[str]", _Lasting()), highlight=False, soft_wrap=not sys.stderr.isatty())
QUIET_SECONDS = 15.0  # between two progress lines where no terminal draws a bar


def print_json(value: Any) -> None:
    """Print one JSON value to standard output; letters that its encoding lacks are escaped."""
    plain = (sys.stdout.encoding or "utf-8").lower().replace("-", "") != "utf8"
    sys.stdout.write(json.dumps(value, indent=2, ensure_ascii=plain, allow_nan=False) + "\n")


def take_any_letter() -> None:
    """Let standard output and error escape letters that their encoding lacks, in place of failing by one."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


class _Done(ProgressColumn):
    """How much is done, in the task's unit."""

    def render(self, task: BarTask) -> Text:
        """Draw it."""
        unit = task.fields.get("unit", "")
        digits = 1 if unit in ("kimg", "seconds") else 0
        total = "?" if task.total is None else f"{task.total:,.{digits}f}"
        return Text(f"{task.completed:,.{digits}f}/{total} {unit}", style="progress.download")


class _DrawnTask(Task):
    def __init__(self, bars: Bars, id: TaskID) -> None:
        self._bars, self._id = bars, id

    def advance(self, amount: float = 1.0, **facts: str) -> None:
        self._bars.update(self._id, advance=amount, **_facts(facts))

    def reach(self, place: float, **facts: str) -> None:
        self._bars.update(self._id, completed=place, **_facts(facts))

    def total(self, total: float | None) -> None:
        self._bars.update(self._id, total=total)


class _Drawn(Progress):
    """Bars on a terminal."""

    in_words: Callable[[str], str] = str  # of a message: as it is, or with arguments of Python in place of options

    def __init__(self, bars: Bars) -> None:
        self._bars = bars

    @contextmanager
    def task(self, title: str, total: float | None = None, unit: str = "") -> Iterator[Task]:
        id = self._bars.add_task(title, total=total, unit=unit, facts="")
        try:
            yield _DrawnTask(self._bars, id)
        finally:
            self._bars.remove_task(id)

    def say(self, text: str) -> None:
        err.print(f"[dim]{escape(self.in_words(text))}[/dim]")

    def warn(self, text: str) -> None:
        err.print(f"[yellow]warning:[/yellow] {escape(self.in_words(text))}")


class _LinesTask(Task):
    """A line every 15 seconds, for logs."""

    def __init__(self, title: str, total: float | None, unit: str) -> None:
        import time

        self._title, self._total, self._unit = title, total, unit
        self._place, self._clock = 0.0, time.monotonic
        self._last = self._start = self._clock()
        self._first: float | None = None  # the place where it began: what was done before has taken none of this time

    def advance(self, amount: float = 1.0, **facts: str) -> None:
        self._first = 0.0 if self._first is None else self._first
        self.reach(self._place + amount, **facts)

    def reach(self, place: float, **facts: str) -> None:
        self._place = place
        now = self._clock()
        if self._first is None:
            self._first, self._start = place, now
        if now - self._last < QUIET_SECONDS:
            return
        self._last = now
        total = f"/{self._total:,.4g}" if self._total else ""
        left = ""
        if self._total and place > self._first:
            one = (now - self._start) / (place - self._first)
            left = f", about {one * max(0.0, self._total - place):.0f} s left"
        numbers = "".join(f", {name} {value}" for name, value in facts.items())
        err.print(escape(f"{self._title}: {place:,.4g}{total} {self._unit}{numbers}{left}"))

    def total(self, total: float | None) -> None:
        self._total = total


class _Lines(_Drawn):
    """Plain lines where standard error is no terminal."""

    def __init__(self) -> None:
        pass

    @contextmanager
    def task(self, title: str, total: float | None = None, unit: str = "") -> Iterator[Task]:
        yield _LinesTask(title, total, unit)


@contextmanager
def drawn_progress() -> Iterator[Progress]:
    """Give a `Progress` that draws bars on a terminal, and writes a line every 15 seconds elsewhere; of several
    processes that train together, one speaks.
    """
    if not launched().first:
        yield SILENT
        return
    if not err.is_terminal:
        yield _Lines()
        return
    with _bars() as bars:
        yield _Drawn(bars)


def _bars() -> Bars:
    return Bars(
        SpinnerColumn(),
        TextColumn("{task.description}"),
        BarColumn(bar_width=24),
        _Done(),
        TextColumn("{task.fields[facts]}"),
        TimeElapsedColumn(),
        TextColumn("left"),
        TimeRemainingColumn(),
        console=err,
        transient=True,
    )


class _Shared(_Drawn):
    """Bars that come with the first task and go with the last: for calls from Python, in a terminal or a notebook."""

    def __init__(self) -> None:
        super().__init__(_bars())
        self._under_way = 0

    @contextmanager
    def task(self, title: str, total: float | None = None, unit: str = "") -> Iterator[Task]:
        if self._under_way == 0:
            self._bars.start()
        self._under_way += 1
        try:
            with super().task(title, total, unit) as task:
                yield task
        finally:
            self._under_way -= 1
            if self._under_way == 0:
                self._bars.stop()


def show_progress(on: bool = True) -> None:
    """Draw how far calls from Python are: bars in a terminal, or in a notebook that has ipywidgets; elsewhere a line
    every 15 seconds.

    Args:
        on: False turns it off again, as it is at first. A call that is given its own `progress` is not concerned.
    """
    bars = err.is_terminal or (err.is_jupyter and find_spec("ipywidgets") is not None)  # rich draws none without
    shown = _Shared() if bars else _Lines()
    shown.in_words = as_arguments
    show(shown if on else None)


def _facts(facts: dict[str, str]) -> dict[str, Any]:
    return {"facts": "  ".join(f"{name} {value}" for name, value in facts.items())} if facts else {}


def levelled_lines(levelling: Levelling | None) -> list[str]:
    """Return what was levelled between real and generated images, a line each; nothing where nothing was."""
    if levelling is None:
        return []
    rows = [(f"  {one.what}", one.real, one.generated, one.done) for one in levelling.differences if one.done]
    if not rows:
        return []
    table = [("levelled before comparing", "real", "generated", ""), *rows]
    widths = [max(len(row[column]) for row in table) + 2 for column in range(3)]
    return ["".join(cell.ljust(width) for cell, width in zip(row, [*widths, 0], strict=True)).rstrip() for row in table]


def columns(rows: Iterable[Sequence[str]]) -> list[str]:
    """Return the lines of a table: the first column to the left, the others to the right, two spaces between them."""
    table = [tuple(row) for row in rows]
    widths = [max(map(len, column)) for column in itertools.zip_longest(*table, fillvalue="")]
    lines = []
    for first, *others in table:
        cells = [f"{cell:>{width}}" for cell, width in zip(others, widths[1:], strict=False)]
        lines.append("  ".join([f"{first:{widths[0]}}", *cells]).rstrip())
    return lines


def show_record(
    run: str, out_folder: Path | None, kind: str, record: Record, paragraphs: Iterable[str], as_json: bool
) -> None:
    """Print a record: as JSON, or in words, with its file and the command to see it, where it could be kept."""
    values = record.model_dump(mode="json")
    if as_json:
        print_json(values)
        return
    for paragraph in paragraphs:
        out.print(paragraph, markup=False)
    folder = out_folder if out_folder is not None else Path(run)
    file = folder / "records" / f"{kind}.json"
    if not (file.is_file() and json.loads(file.read_text(encoding="utf-8")) == values):
        why = f": {run} cannot be written" if "run" in kinds_in(Path(run)) else ""
        out.print(f"This {kind} is not kept{why}. To keep it, add --out DIR.", markup=False)
        return
    if out_folder is not None and "run" in kinds_in(Path(run)):
        seen = f"{quote(run)} --records {quote(str(out_folder))}"
    else:
        seen = quote(str(folder))
    out.print(f"record: {file}\nnext: flawforge report {seen}", markup=False)
