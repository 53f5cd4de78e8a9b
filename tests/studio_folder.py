"""What a studio shows, drawn: a run and a trial that nothing was trained for; and how to ask a studio."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from flawforge.core.images import encode_png
from flawforge.core.settings.recipes import recipe


def asking(folder: Path, **guards: Any) -> Callable[..., Any]:
    """Return a function that asks the studio of a folder for an address."""
    from starlette.testclient import TestClient

    from flawforge.server.studio.application import Studio
    from flawforge.server.studio.workspace import Workspace

    app = Studio(Workspace(folder)).application(**guards)
    client = TestClient(app, base_url="http://localhost", raise_server_exceptions=False)
    return lambda path, method="GET", **how: client.request(method, path, **how)


def leave_run(path: Path, steps: int = 30, previews: int = 3, label: str = "scratch", **data: Any) -> Path:
    """Leave a run folder with a history and previews."""
    import numpy as np

    for name in ("previews", "checkpoints", "records"):
        (path / name).mkdir(parents=True)
    data = {"source": "data/steel", "classes": {label: 12}, "samples": 12, **data}
    settings = {"format": 1, "recipe": recipe("dcgan-lite").dump(), "data": data, "command": "flawforge train"}
    (path / "run.json").write_text(json.dumps(settings))
    with (path / "history.jsonl").open("w") as file:
        for step in range(10, 10 * steps + 1, 10):
            file.write(json.dumps(line(step)) + "\n")
    for i in range(previews):
        image = np.full((8, 8), 60 * i, np.uint8)
        (path / "previews" / f"kimg_{i * 0.12:010.3f}.png").write_bytes(encode_png(image, "L"))
    return path


def line(step: int, **more: Any) -> dict[str, Any]:
    numbers = {"loss_d": 1.2, "loss_g": 0.9, "d_real": 0.7, "d_fake": 0.3, "images_per_second": 40.0}
    return {"step": step, "kimg": step * 0.012, "seconds": step / 4, **numbers, **more}


def leave_trial(path: Path) -> Path:
    """Leave a trial that has just begun."""
    path.mkdir(parents=True)
    (path / "bench.json").write_text(json.dumps({"format": 1, "settings": {"seeds": 5}}))
    (path / "bench.safetensors").write_bytes(b"")
    return path
