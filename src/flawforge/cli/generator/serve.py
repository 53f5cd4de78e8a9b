"""``flawforge serve``."""

from __future__ import annotations

import os
from pathlib import Path

from flawforge.cli.console import drawn_progress
from flawforge.cli.flags import Device, Host, HostNames, Port, TokenFile, Whole
from flawforge.core.errors import SettingError

TOKEN = "FLAWFORGE_TOKEN"


def serve(
    run: Path,
    /,
    *,
    host: Host = "127.0.0.1",
    port: Port = 8000,
    token_file: TokenFile = None,
    names: HostNames = None,
    checkpoint: str = "best",
    most: Whole = 256,
    megapixels: float = 16.0,
    waiting: Whole = 8,
    seconds: float = 60.0,
    device: Device = "auto",
) -> None:
    """Serve the images of RUN's generator over HTTP until Ctrl-C.

    The page at / shows images to people; /image and /images?n=64&class=scratch&seed=0 give a PNG file, or a tar with a
    manifest, to programs; /openapi.json describes them. Image i of a class and seed is the file that `flawforge
    generate` writes. Only this machine is let in, unless --host and a token are given. Needs the extra `serve`.

    Parameters
    ----------
    run
        The run folder that `flawforge train` made.
    checkpoint
        Which weights: best (selected during training), newest, or the number of a step in RUN/checkpoints.
    most
        Images in one request.
    megapixels
        Millions of pixels in one request, all images together.
    waiting
        Requests that wait while one is worked on. The next is told to come again (429).
    seconds
        Time that one request may take, with its wait; then it is given up (503).
    """
    from flawforge.server import serve as serve_images

    with drawn_progress() as progress:
        serve_images(
            run,
            host=host,
            port=port,
            token=read_token(token_file),
            names=names or (),
            checkpoint=checkpoint,
            most=most,
            megapixels=megapixels,
            waiting=waiting,
            seconds=seconds,
            device=device,
            progress=progress,
        )


def read_token(file: Path | None) -> str | None:
    """Return the token that a file or the environment holds; None: neither does.

    Raises:
        SettingError: the file cannot be read.
    """
    if file is None:
        return os.environ.get(TOKEN) or None
    try:
        return file.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise SettingError(f"--token-file {file} cannot be read: {error}") from None
