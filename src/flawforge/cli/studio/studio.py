"""``flawforge studio``."""

from __future__ import annotations

from pathlib import Path

from flawforge.cli.console import drawn_progress
from flawforge.cli.flags import Flag, Host, HostNames, Port, TokenFile, Words
from flawforge.cli.generator.serve import read_token


def studio(
    folder: Path = Path(),
    /,
    *,
    host: Host = "127.0.0.1",
    port: Port = 8765,
    token_file: TokenFile = None,
    names: HostNames = None,
    data: Words = None,
    no_browser: Flag = False,
) -> None:
    """Open the studio: local pages that show the runs, trials and searches in FOLDER, live, until Ctrl-C.

    What is started from a page goes on when the page or the studio is closed. Only this machine is let in, unless
    --host and a token are given. Pages load nothing from elsewhere, and reach nothing outside FOLDER. Needs the extra
    `studio`.

    Parameters
    ----------
    folder
        What is shown; new runs and trials are made below it. Default: the folder that you are in.
    data
        Folders of images elsewhere that may be trained on. Those below FOLDER always may.
    no_browser
        Only say the address, and open no browser.
    """
    from flawforge.server.studio import studio as open_studio

    with drawn_progress() as progress:
        open_studio(
            folder,
            host=host,
            port=port,
            token=read_token(token_file),
            names=names or (),
            data=data or (),
            browser=not no_browser,
            progress=progress,
        )
