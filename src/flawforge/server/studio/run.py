"""Open the studio of a folder."""

from __future__ import annotations

import os
import sys
import webbrowser
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path

from flawforge.core.errors import DataNotFoundError, ExtraMissingError
from flawforge.core.progress import SILENT, Progress
from flawforge.core.settings.bounds import check_numbers
from flawforge.server.run import check_token, open_port

CONNECTIONS = 64  # at a time; each open page has one
LAST_SECONDS = 2  # that requests get when the studio is stopped


def studio(
    folder: str | Path = ".",
    *,
    host: str = "127.0.0.1",
    port: int = 8765,
    token: str | None = None,
    names: Sequence[str] = (),
    data: Sequence[str | Path] = (),
    browser: bool = True,
    progress: Progress = SILENT,
) -> None:
    """Show the runs, trials and searches of a folder as local pages, live, until it is stopped (Ctrl-C, SIGTERM).

    What is started from a page is a process of its own: it goes on when the page or the studio is closed. Pages load
    nothing from elsewhere, and reach nothing outside the folder.

    Args:
        folder: what is shown; new runs and trials are made below it.
        host: address to listen on. Others than this machine's own (127.0.0.1) need a token.
        port: 0 takes a free one, which is said.
        token: at least 16 letters that every request must bring.
        names: by which the studio is called, beside ``localhost`` and addresses.
        data: folders of images elsewhere that may be trained on, beside those below `folder`.
        browser: open the page in the user's browser, where there is a screen.
        progress: where to say the address.

    Raises:
        DataNotFoundError: there is no such folder.
        SettingError: an argument, or the port is in use.
        ExtraMissingError: fastapi or uvicorn is not installed.
    """
    check_numbers(port=port)
    check_token(host, token)
    root, elsewhere = _folder(folder), {str(path): _folder(path) for path in data}
    if find_spec("fastapi") is None or find_spec("uvicorn") is None:
        raise ExtraMissingError("studio", "studio")
    from flawforge.server.listening import listen
    from flawforge.server.studio.application import Studio
    from flawforge.server.studio.workspace import Workspace

    with open_port(host, port) as taken:
        opened = Studio(Workspace(root, elsewhere))
        shown = f"[{host}]" if ":" in host else host
        address = f"http://{shown}:{taken.getsockname()[1]}/"
        secret = "; every request needs the token" if token else ""
        progress.say(f"studio of {root} on {address}{secret}; Ctrl-C closes it, and what it started goes on")
        if browser and _has_screen():
            webbrowser.open(address)
        listen(opened.application(token, tuple(names)), taken, CONNECTIONS, LAST_SECONDS, opened.watcher.end)


def _folder(path: str | Path) -> Path:
    if not Path(path).is_dir():
        raise DataNotFoundError(f"there is no folder {path}. Make it, or name one that is there.")
    return Path(path).resolve()


def _has_screen() -> bool:
    """Say whether a browser of the user's can be seen: without a screen a text browser would take the terminal."""
    return sys.platform in ("darwin", "win32") or bool(os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))
