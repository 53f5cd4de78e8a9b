"""The application: addresses in, images out."""

from __future__ import annotations

import asyncio
import io
import tarfile
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from importlib.resources import files
from typing import Annotated, Any

from fastapi import FastAPI, Query, Request
from fastapi.responses import HTMLResponse, JSONResponse, Response
from jinja2 import Environment, PackageLoader, StrictUndefined
from starlette.types import ASGIApp

from flawforge import __version__
from flawforge.core.errors import did_you_mean
from flawforge.runs.set_files import MANIFEST
from flawforge.server.assets import add_assets
from flawforge.server.guards import Guards, Refused
from flawforge.server.turns import Turns, too_slow
from flawforge.studies.synthesis import ImagesOnDemand

WORK = frozenset({"/image", "/images"})
PARAMETERS = frozenset({"n", "class", "seed", "first", "truncation"})  # of requests for images
LARGEST_SEED, LARGEST_NUMBER = 2**63 - 1, 10_000_000
Class = Annotated[str | None, Query(alias="class", max_length=200, description="The class. Default: the first.")]
Count = Annotated[int, Query(ge=1, description="Images; /model says how many one request may ask for.")]
Seed = Annotated[int, Query(ge=0, le=LARGEST_SEED, description="Another seed gives other images.")]
First = Annotated[int, Query(ge=0, le=LARGEST_NUMBER, description="Number of the first image within its class.")]
Truncation = Annotated[
    float | None, Query(ge=0.1, le=100, description="More typical and less varied images: 1.5 a little, 0.7 much.")
]


@dataclass(frozen=True)
class ServiceLimits:
    """What one may ask for.

    Attributes:
        most: images in one request. megapixels: of them together, as files.
        waiting: requests that wait while one is worked on. seconds: that one may take, with its wait.
    """

    most: int = 256
    megapixels: float = 16.0
    waiting: int = 8
    seconds: float = 60.0


def guarded_application(
    images: ImagesOnDemand, limits: ServiceLimits, token: str | None = None, names: tuple[str, ...] = ()
) -> ASGIApp:
    """Return the service of a run's generator, behind its guards.

    Args:
        images: the generator.
        limits: what one may ask for.
        token: what every request must bring, or None.
        names: by which the server may be called, beside ``localhost`` and addresses.
    """
    app = FastAPI(
        title="Flawforge",
        version=__version__,
        description="Images of a trained generator. The same class, seed and number give the same file.",
        docs_url=None,
        redoc_url=None,
    )
    app.add_exception_handler(Refused, _refusal)
    turns = Turns(app, WORK, limits.waiting, limits.seconds)
    _add_images(app, images, limits, turns)
    _add_pages(app, images, limits, turns)
    return Guards(turns, token, names)


async def _refusal(_: Request, refused: Exception) -> Response:
    """Answer what is refused inside the application."""
    assert isinstance(refused, Refused)
    headers = {name.decode(): value.decode() for name, value in refused.headers.items()}
    return JSONResponse({"detail": refused.message}, refused.status, headers)


def _add_images(app: FastAPI, images: ImagesOnDemand, limits: ServiceLimits, turns: Turns) -> None:
    worker = ThreadPoolExecutor(1, "flawforge-images")  # of several threads each would keep memory of its own

    async def made(request: Request, work: Callable[[Callable[[], None]], bytes]) -> bytes:
        deadline: float = request.scope["deadline"]
        unknown = sorted(set(request.query_params) - PARAMETERS)
        if unknown:  # a misspelt name would give other images than were asked for, without a word
            raise Refused(422, f"There is no parameter {unknown[0]}; there are {', '.join(sorted(PARAMETERS))}.")

        def go_on() -> None:
            if time.monotonic() > deadline:
                raise too_slow(limits.seconds)

        async with turns.turn(deadline):
            if await request.is_disconnected():
                raise Refused(499, "The request was given up.")
            return await asyncio.get_running_loop().run_in_executor(worker, work, go_on)

    @app.get("/image", response_class=Response, responses=_answers("image/png"))
    async def image(
        request: Request, label: Class = None, seed: Seed = 0, first: First = 0, truncation: Truncation = None
    ) -> Response:
        """One image, as a PNG file like the real ones."""
        wanted = _checked(images, limits, label, seed, first, 1)

        def work(go_on: Callable[[], None]) -> bytes:
            return next(iter(images.files(wanted, seed, first, 1, truncation, go_on)))[1]

        return Response(await made(request, work), media_type="image/png")

    @app.get("/images", response_class=Response, responses=_answers("application/x-tar"))
    async def many(
        request: Request,
        n: Count = 16,
        label: Class = None,
        seed: Seed = 0,
        first: First = 0,
        truncation: Truncation = None,
    ) -> Response:
        """Several images, as a tar of PNG files and their manifest."""
        wanted = _checked(images, limits, label, seed, first, n)

        def work(go_on: Callable[[], None]) -> bytes:
            return _tar(images, wanted, seed, first, n, truncation, go_on)

        headers = {"content-disposition": 'attachment; filename="images.tar"'}
        return Response(await made(request, work), media_type="application/x-tar", headers=headers)


def _answers(media_type: str) -> dict[int | str, dict[str, Any]]:
    """Return what an address answers, for the schema."""
    told = {422: "a value that is not allowed", 429: "too many requests wait", 503: "it took too long"}
    return {200: {"content": {media_type: {}}}, **{code: {"description": text} for code, text in told.items()}}


def _checked(images: ImagesOnDemand, limits: ServiceLimits, label: str | None, seed: int, first: int, n: int) -> str:
    """Return the class that is asked for.

    Raises:
        Refused: there is no such class, or more is asked for than is allowed.
    """
    wanted = images.classes[0] if label is None else label
    if wanted not in images.classes:
        known = ", ".join(images.classes)
        raise Refused(422, f"class is '{wanted}'; allowed: {known}.{did_you_mean(wanted, images.classes)}")
    if n > limits.most:
        raise Refused(
            422,
            f"n is {n}; one request may ask for 1 to {limits.most} images. Ask for the rest with first={limits.most}.",
        )
    pixels = images.pixels(wanted, seed, first, n)
    if pixels > limits.megapixels * 1e6:
        fewer = max(1, int(n * limits.megapixels * 1e6 / pixels))
        raise Refused(
            422,
            f"n is {n}; these images have {pixels / 1e6:.1f} million pixels together, and one request may ask for "
            f"{limits.megapixels:g}. Ask for about {fewer} at a time.",
        )
    return wanted


def _tar(
    images: ImagesOnDemand,
    label: str,
    seed: int,
    first: int,
    n: int,
    truncation: float | None,
    go_on: Callable[[], None],
) -> bytes:
    """Return a tar file: the images, then their manifest. The same request gives the same bytes."""
    out, lines = io.BytesIO(), []
    with tarfile.open(fileobj=out, mode="w", format=tarfile.PAX_FORMAT) as tar:
        for entry, data in images.files(label, seed, first, n, truncation, go_on):
            lines.append(entry.line())
            _put(tar, entry.file, data)
        _put(tar, MANIFEST, "".join(lines).encode())
    return out.getvalue()


def _put(tar: tarfile.TarFile, name: str, data: bytes) -> None:
    member = tarfile.TarInfo(name)
    member.size = len(data)
    tar.addfile(member, io.BytesIO(data))


def _add_pages(app: FastAPI, images: ImagesOnDemand, limits: ServiceLimits, turns: Turns) -> None:
    pages = Environment(loader=PackageLoader("flawforge.server", "pages"), autoescape=True, undefined=StrictUndefined)
    sampler = images.sampler
    height, width = sampler.recipe.resolution
    facts: dict[str, Any] = {
        "flawforge": __version__,
        "recipe": sampler.recipe.name,
        "checkpoint": sampler.checkpoint.name,
        "classes": images.classes,
        "resolution": [height, width],
        "channels": sampler.channels,
        "limits": asdict(limits),
    }

    @app.get("/model")
    async def model() -> dict[str, Any]:
        """What is served: classes, weights, and the limits of a request."""
        return facts

    @app.get("/health")
    async def health() -> dict[str, Any]:
        """Whether it works, and how many requests for images are inside."""
        return {"status": "ok", "inside": turns.inside}

    @app.get("/", include_in_schema=False)
    async def page() -> HTMLResponse:
        return HTMLResponse(pages.get_template("page.html.j2").render(facts=facts, schema=app.openapi()))

    add_assets(app, files("flawforge.server").joinpath("pages"))
