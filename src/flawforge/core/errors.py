"""Everything that Flawforge explains instead of failing with.

::

    FlawforgeError
    ├── DataNotFoundError      (FileNotFoundError)  no such folder, or an empty one
    ├── DataUnusableError      (ValueError)         images are there, but they cannot serve
    │   └── ImageBrokenError                        one image file cannot be read, or is gone
    ├── SettingError           (ValueError)         a value is wrong, or a key is unknown
    ├── RunNotFoundError       (FileNotFoundError)  the folder is no run, or lacks what is asked for
    ├── RunExistsError         (FileExistsError)    the folder already holds another run
    ├── FolderBusyError        (BlockingIOError)    another process is writing the same part of the folder
    ├── RunUnwritableError     (PermissionError)    the folder cannot be written
    ├── DiskFullError          (OSError)            no room for the next checkpoint or image
    ├── RunBrokenError         (ValueError)         a file of the run is damaged or of an unknown format
    ├── TrainingDivergedError  (ArithmeticError)    a loss or weight is no longer a number
    ├── TrainingInterruptedError (KeyboardInterrupt) Ctrl-C; everything was saved first
    ├── ProcessLostError       (ConnectionError)    another process of the same training ended or does not answer
    │   └── OtherProcessError                       the same, where that process tells why
    ├── DeviceError            (RuntimeError)       the device that was asked for is not to be had
    ├── ExtraMissingError      (ImportError)        an optional package is not installed
    └── WeightsMissingError    (ImportError)        the package with the feature network's weights is not whole

Each leaf is also the nearest built-in error, so code that knows no Flawforge can catch it. A message says what
is wrong with the value, what is allowed, and what to do. Only the command line catches the root.
"""

from __future__ import annotations

import difflib
import re
import shlex
from collections.abc import Iterable

SWITCHES = ("as-is", "novel", "overwrite", "resume", "sync", "wait", "with-real")  # options without a value
_COMMAND = re.compile(r"flawforge [a-z-]+( [^;\n]*?)?(?=\.(?:\s|$)|[;)\n]|$)")
_OPTION = re.compile(r"(?<![\w-])--([a-z][a-z-]*)|(?<![\w-])-([nkor])(?![\w-])")
_speaks_of_options = False


def speak_of_options() -> None:
    """Let messages of this process name the options of the command line, not the arguments of Python."""
    global _speaks_of_options
    _speaks_of_options = True


def as_arguments(text: str) -> str:
    """Return a message in which the options of the command line are arguments of Python; whole commands stay."""
    whole = [match.span() for match in _COMMAND.finditer(text)]

    def argument(match: re.Match[str]) -> str:
        if any(start <= match.start() < stop for start, stop in whole):
            return match[0]
        name = match[1] or {"o": "out", "r": "recipe"}.get(match[2], match[2])
        return name.replace("-", "_") + ("=True" if name in SWITCHES else "")

    return _OPTION.sub(argument, text)


class FlawforgeError(Exception):
    """A problem that is explained to the user; the command line prints it and exits with 1.

    A message names options as they are typed, and in Python as the arguments that they are there.
    """

    def __str__(self) -> str:
        """Return the message."""
        return super().__str__() if _speaks_of_options else as_arguments(super().__str__())


class DataNotFoundError(FlawforgeError, FileNotFoundError):
    """There is no such folder, or no image in it."""


class DataUnusableError(FlawforgeError, ValueError):
    """Images are there, but they cannot serve the purpose (too few, no such class, unreadable)."""


class ImageBrokenError(DataUnusableError):
    """One image file cannot be read.

    Attributes:
        file: its path.
        reason: what is wrong with it, in words that follow the file's name.
    """

    def __init__(self, file: object, reason: str) -> None:
        super().__init__(f"{file}: {reason}")
        self.file = str(file)
        self.reason = reason

    def __reduce__(self) -> tuple[type[ImageBrokenError], tuple[str, str]]:
        """Let it pass from one process to another."""
        return type(self), (self.file, self.reason)


class SettingError(FlawforgeError, ValueError):
    """A setting has a value outside its range, or there is no such setting."""


class RunNotFoundError(FlawforgeError, FileNotFoundError):
    """The folder is no run, or the run lacks the part that is asked for."""


class RunExistsError(FlawforgeError, FileExistsError):
    """The folder already holds a run, or files that are not ours."""


class FolderBusyError(FlawforgeError, BlockingIOError):
    """Another process is writing the same part of the folder."""


class RunUnwritableError(FlawforgeError, PermissionError):
    """The run folder cannot be written."""


class DiskFullError(FlawforgeError, OSError):
    """The disk has no room left."""


class RunBrokenError(FlawforgeError, ValueError):
    """A file of the run is damaged, or was written in a format that this version does not know."""


class TrainingDivergedError(FlawforgeError, ArithmeticError):
    """A loss or a weight is no longer a finite number."""


class TrainingInterruptedError(FlawforgeError, KeyboardInterrupt):
    """Training was stopped by Ctrl-C or SIGTERM, after everything was saved."""


class ProcessLostError(FlawforgeError, ConnectionError):
    """Another process of the same training ended, or does not answer any more."""


class OtherProcessError(ProcessLostError):
    """All processes of a training end because of one problem, and another one tells it."""


class DeviceError(FlawforgeError, RuntimeError):
    """The device or number format that was asked for is not to be had on this machine."""


class ExtraMissingError(FlawforgeError, ImportError):
    """An optional package is not installed."""

    def __init__(self, what: str, extra: str) -> None:
        super().__init__(
            f"{what} needs the extra '{extra}', which is not installed. Install it with: "
            f"pip install 'flawforge[{extra}]'"
        )
        self.what, self.extra = what, extra

    def __reduce__(self) -> tuple[type[ExtraMissingError], tuple[str, str]]:
        """Let it pass from one process to another."""
        return type(self), (self.what, self.extra)


class WeightsMissingError(FlawforgeError, ImportError):
    """The package that carries the feature network's weights is missing, or holds another file than the known one."""


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """Return `` Did you mean 'x'?`` for the nearest known word, or an empty string when none is near. Known words that
    are joined by commas are asked for with spaces.
    """
    known = list(known)
    word = str(word)  # from Python anything may come
    parts = [part.strip() for part in word.split(",")]
    if len(parts) > 1 and set(parts) <= set(known):
        return f" Did you mean them one by one: {shlex.join(parts)}?"
    near = difflib.get_close_matches(word, known, n=1, cutoff=0.5)
    return f" Did you mean '{near[0]}'?" if near else ""
