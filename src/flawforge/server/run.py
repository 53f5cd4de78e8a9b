"""Serve a run's generator over HTTP."""

from __future__ import annotations

import ipaddress
import socket
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path

from flawforge.core.errors import ExtraMissingError, SettingError
from flawforge.core.progress import SILENT, Progress
from flawforge.core.settings.bounds import check_numbers
from flawforge.runs.checkpoint import BEST
from flawforge.runs.folder import Run
from flawforge.server.guards import SHORTEST_TOKEN

CONNECTIONS = 64  # at a time, beside the requests that may wait
LAST_SECONDS = 10  # that requests get when the server is stopped


def serve(
    run: Run | str | Path,
    *,
    host: str = "127.0.0.1",
    port: int = 8000,
    token: str | None = None,
    names: Sequence[str] = (),
    checkpoint: str | int = BEST,
    most: int = 256,
    megapixels: float = 16.0,
    waiting: int = 8,
    seconds: float = 60.0,
    device: str = "auto",
    progress: Progress = SILENT,
) -> None:
    """Serve the images of a run's generator over HTTP until it is stopped (Ctrl-C, SIGTERM).

    Image i of a class and seed is the file that `generate` writes. The address / shows a page to try it, /openapi.json
    describes it to programs; no page loads anything from elsewhere.

    Args:
        run: a run with a checkpoint.
        host: address to listen on. Others than this machine's own (127.0.0.1) need a token.
        port: 0 takes a free one, which is said.
        token: at least 16 letters that every request must bring.
        names: by which the server is called, beside ``localhost`` and addresses.
        checkpoint: ``best`` as training judged it, ``newest``, or the number of a step that is there.
        most: images in one request.
        megapixels: of the images of one request together, in millions.
        waiting: requests that wait while one is worked on; the next is answered with 429.
        seconds: that one request may take, with its wait; then it is answered with 503.
        device: ``auto``, ``cpu``, ``cuda``, ...
        progress: where to say the address.

    Raises:
        RunNotFoundError: no run, or no checkpoint in it.
        SettingError: an argument; the recipe has no latent (``compose``); or the port is in use.
        ExtraMissingError: fastapi or uvicorn is not installed.
        DeviceError: no such device.
    """
    check_numbers(port=port, most=most, megapixels=megapixels, waiting=waiting, seconds=seconds)
    check_token(host, token)
    if find_spec("fastapi") is None or find_spec("uvicorn") is None:
        raise ExtraMissingError("serve", "serve")
    from flawforge.server.application import ServiceLimits, guarded_application
    from flawforge.server.listening import listen
    from flawforge.studies.synthesis import ImagesOnDemand
    from flawforge.training.processes.device import set_threads

    taken = open_port(host, port)
    with taken:
        set_threads()
        images = ImagesOnDemand(run, checkpoint, device, progress=progress)
        limits = ServiceLimits(most, megapixels, waiting, seconds)
        app = guarded_application(images, limits, token, tuple(names))
        shown = f"[{host}]" if ":" in host else host
        secret = "; every request needs the token" if token else ""
        progress.say(
            f"serving {', '.join(images.classes)} on http://{shown}:{taken.getsockname()[1]}{secret}; Ctrl-C stops"
        )
        listen(app, taken, waiting + 1 + CONNECTIONS, LAST_SECONDS)


def check_token(host: str, token: str | None) -> None:
    """Refuse a token that is none, and a host that others reach without one.

    Raises:
        SettingError: so it is.
    """
    if token is not None and not (len(token) >= SHORTEST_TOKEN and token.isascii() and token.isprintable()):
        raise SettingError(
            f"the token has {len(token)} letters; it is at least {SHORTEST_TOKEN} plain letters, such as "
            f"`openssl rand -hex 16` gives."
        )
    if token is None and not _is_own(host):
        raise SettingError(
            f"--host {host} lets other machines in, and then every request must bring a token. Put one of at least "
            f"{SHORTEST_TOKEN} letters into a file and name it with --token-file, or into FLAWFORGE_TOKEN; or leave "
            f"--host out."
        )


def _is_own(host: str) -> bool:
    """Say whether only this machine reaches an address."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def open_port(host: str, port: int) -> socket.socket:
    """Return a socket that listens.

    Raises:
        SettingError: the port is in use or not allowed, or there is no such address here.
    """
    try:
        family = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0][0]
        return socket.create_server((host, port), family=family, backlog=CONNECTIONS)
    except OSError as error:
        raise SettingError(
            f"--host {host} --port {port} cannot be listened on: {error.strerror or error}. Try another --port, "
            f"or 0 for a free one."
        ) from error
