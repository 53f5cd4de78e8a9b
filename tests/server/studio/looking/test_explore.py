"""Exploring a generator's latents, and choosing among its images."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from PIL import Image

from flawforge.studies.sets import SyntheticSet
from flawforge.studies.synthesis import generate

Ask = Callable[..., Any]


@pytest.fixture
def run(make_run: Any, draw_images: Any, tmp_path: Any) -> Any:
    for label in ("dents", "scratches"):
        draw_images(tmp_path / "photos" / label, 3, sizes=((16, 16),))
    return make_run(tmp_path / "photos", design="fewshot", generator_depth=2, latent=8)


def pixels(answer: Any) -> Any:
    assert (answer.status_code, answer.headers["content-type"]) == (200, "image/png"), answer.text
    return np.asarray(Image.open(io.BytesIO(answer.content))).astype(int)


def test_an_image_is_that_of_the_set_and_moves_with_each_slider(ask: Ask, run: Any) -> None:
    assert ask("/explore/facts?name=run").json() == {"classes": ["dents", "scratches"], "directions": 8}
    generate(run, 3)
    base = "/explore/image?name=run&label=scratches&image=2"
    here = pixels(ask(base))
    written = np.asarray(Image.open(run.synthetic / "scratches/scratches_000002.png")).astype(int)
    assert np.abs(here - written).max() <= 1
    for more in ("along=1:3", "along=2:-3", "near=4", "near=4.1", "to=0&part=0.5", "truncation=0.1"):
        assert np.abs(pixels(ask(f"{base}&{more}")) - here).max() > 1, more
    assert np.abs(pixels(ask(f"{base}&to=0&part=1")) - pixels(ask(base.replace("image=2", "image=0")))).max() <= 1
    assert np.array_equal(pixels(ask(f"{base}&near=4.1")), pixels(ask(f"{base}&near=4.1")))


OUT_OF_BOUNDS = {
    "along": ("9:1", "1:nan", "1:1e9", "x"),
    "near": ("1..2", "-1", "1" + ".1" * 12),
    "truncation": ("0", "nan"),
    "image": ("-1", "99999999999"),
    "part": ("2",),
    "seed": ("-1",),
    "to": ("x",),
}


@pytest.mark.parametrize("name", OUT_OF_BOUNDS)
def test_what_is_out_of_bounds_is_refused(ask: Ask, run: Any, name: str) -> None:
    for wrong in OUT_OF_BOUNDS[name]:
        assert ask(f"/explore/image?name=run&label=dents&{name}={wrong}").status_code == 422


def test_what_cannot_be_painted_is_said(ask: Ask, run: Any) -> None:
    answer = ask("/explore/image", params={"name": "run", "label": "<b>"})
    assert (answer.status_code, answer.json()["detail"]) == (
        422,
        "there is no class '<b>'; there are dents, scratches.",
    )
    assert ask("/explore/image?name=../run&label=dents").status_code == 404
    assert ask("/explore/facts?name=photos").status_code == 404
    for file in (run.path / "checkpoints").iterdir():
        file.unlink()
    assert ask("/explore/facts?name=run").status_code == 422


def test_images_are_rejected_and_kept_from_the_page(ask: Ask, run: Any) -> None:
    generate(run, 3, seed=5)
    found = ask("/set?name=run").json()
    assert found["seed"] == 5
    file, _, number, rejected, _ = found["images"][1]
    assert (number, rejected) == (1, False)
    assert ask("/curate", "POST", json={"name": "run", "reject": [file]}).json() == {"kept": 5, "rejected": 1}
    assert ask("/set?name=run").json()["images"][1] == [file, "dents", 1, True, ""]
    assert str(SyntheticSet.open(run).by_hand) == "1 of 6 images was rejected"
    assert ask("/curate", "POST", json={"name": "run", "keep": [file]}).json() == {"kept": 6, "rejected": 0}
    wrong = ask("/curate", "POST", json={"name": "run", "reject": ["../../run.json"]})
    assert (wrong.status_code, "there is no image" in wrong.json()["detail"]) == (422, True)
    assert ask("/curate", "POST", json={"name": "photos", "reject": [file]}).status_code == 404
    assert (
        ask("/curate", "POST", content=json.dumps({"name": "run"}), headers={"origin": "http://evil"}).status_code
        == 403
    )
