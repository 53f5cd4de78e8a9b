"""The page that puts a defect where a person draws it: what changes, what is refused, and what stays unread."""

from __future__ import annotations

import base64
import io
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from flawforge.data.dataset import Dataset
from flawforge.server.studio.looking import placing
from flawforge.training.train import train

Ask = Callable[..., Any]
SIZE = (40, 56)


@pytest.fixture
def work(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Give the studio's folder, with a run that puts pits on three of four good images."""
    monkeypatch.setattr(Dataset, "groups", lambda self, progress=None: np.arange(len(self)))
    rng, photos = np.random.default_rng(0), tmp_path / "photos"
    for label in ("pit", "good"):
        (photos / label).mkdir(parents=True)
        for number in range(4):
            pixels = rng.normal(120 + 8 * number, 9, SIZE)
            if label == "pit":
                mask = np.zeros(SIZE, np.uint8)
                mask[10 + number : 20 + number, 14 : 24 + number] = 255
                pixels[mask > 0] -= 60
                Image.fromarray(mask).save(photos / f"pit/pit{number}_mask.png")
            Image.fromarray(pixels.clip(0, 255).astype(np.uint8)).save(photos / f"{label}/{label}{number}.png")
    train(photos, tmp_path / "run", "copy-paste", shots=3, previews=0)
    return tmp_path


def drawn(size: tuple[int, int] = SIZE) -> tuple[Any, str]:
    """Return a mask, and its PNG file of one bit a pixel as the page sends it."""
    mask = np.zeros(size, bool)
    mask[8:20, 30:44] = True
    out = io.BytesIO()
    Image.fromarray(mask).save(out, "PNG")
    return mask, base64.b64encode(out.getvalue()).decode()


def pixels_of(text: str) -> Any:
    return np.asarray(Image.open(io.BytesIO(base64.b64decode(text)))).astype(int)


def test_a_defect_lies_in_the_mask_and_all_else_is_the_ground(ask: Ask, work: Path) -> None:
    facts = ask("/place/facts?name=run").json()
    assert (facts["classes"], facts["count"], facts["notes"]) == (["pit"], 3, [])
    file, width, height, label = facts["grounds"][0]
    assert ((height, width), label) == (SIZE, "")
    answer = ask("/place/ground", params={"name": "run", "file": file, "whole": True})
    ground = np.asarray(Image.open(io.BytesIO(answer.content))).astype(int)
    assert np.array_equal(ground, np.asarray(Image.open(work / "photos" / file)))
    mask, text = drawn()
    wish = {"name": "run", "file": file, "label": "pit", "mask": text}
    weak, strong = (ask("/place/defect", "POST", json={**wish, "strength": s}).json() for s in (0.3, 1.2))
    assert np.array_equal(pixels_of(strong["mask"]) > 0, mask)
    change = [np.abs(pixels_of(made["image"]) - ground) for made in (weak, strong)]
    near = np.zeros(SIZE, bool)
    near[2:26, 24:50] = True  # a soft border may go a few pixels beyond
    assert change[1][~near].max() == 0
    assert change[1][mask].sum() > 2 * change[0][mask].sum() > 0
    made = ask("/place/defect", "POST", json={**wish, "mask": None, "seed": 3}).json()
    assert pixels_of(made["mask"]).any()


def test_outlines_that_nobody_drew_are_said_to_be_estimated(ask: Ask, work: Path) -> None:
    lines = [{"file": f"pit/pit{number}.png", "mask": "estimated from box"} for number in range(4)]
    (work / "photos/export.json").write_text("{}")
    (work / "photos/manifest.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    notes = ["The masks of 3 images are estimated from their boxes, not drawn (3 of pit)."]
    assert ask("/place/facts?name=run").json()["notes"] == notes


def test_what_is_no_mask_of_the_ground_or_no_ground_is_refused(ask: Ask, work: Path) -> None:
    files = [one[0] for one in ask("/place/facts?name=run").json()["grounds"]]
    (held,) = {f"good/good{number}.png" for number in range(4)} - set(files)
    wish = {"name": "run", "file": files[0], "label": "pit", "mask": drawn()[1]}

    def said(status: int, **changes: Any) -> str:
        answer = ask("/place/defect", "POST", json={**wish, **changes})
        assert answer.status_code == status, answer.text
        return str(answer.json()["detail"])

    assert "the mask has 9x9 pixels and the ground 56x40" in said(422, mask=drawn((9, 9))[1])
    assert "no PNG file" in said(422, mask=base64.b64encode(b"GIF89a").decode())
    assert "no PNG file" in said(422, mask=drawn()[1][:64])
    assert "held out" in said(422, file=held)
    for file in ("../photos/good/good0.png", "/etc/passwd", str(work / "photos" / files[0])):
        assert "no ground" in said(422, file=file)
        assert ask("/place/ground", params={"name": "run", "file": file}).status_code == 422
    assert "no class" in said(422, label="<b>")
    for changes in ({"mask": "A" * 60_001}, {"strength": 5}, {"seed": -1}, {"more": 1}):
        said(422, **changes)
    said(413, mask="A" * 70_000)
    for name in ("../run", "/etc", "photos"):
        said(404, name=name)
        assert ask("/place", params={"name": name}).status_code == 404
    foreign = ask("/place/defect", "POST", json=wish, headers={"origin": "http://evil"})
    assert foreign.status_code == 403


def test_images_outside_the_folders_are_not_shown_and_that_is_said(ask: Ask, work: Path, tmp_path_factory: Any) -> None:
    outside = tmp_path_factory.mktemp("outside") / "photos"
    shutil.copytree(work / "photos", outside)
    settings = json.loads((work / "run/run.json").read_text())
    shutil.move(work / "photos", work / "moved")
    settings["data"].update(source=str(outside), root=str(outside))
    (work / "run/run.json").write_text(json.dumps(settings))
    with pytest.MonkeyPatch.context() as patch:  # and nothing there is opened
        patch.setattr("flawforge.studies.synthesis.opened_placer", lambda run: pytest.fail("it was opened"))
        for path in ("/place/facts?name=run", "/place/ground?name=run&file=good/good0.png"):
            answer = ask(path)
            assert (answer.status_code, "outside the folders" in answer.json()["detail"]) == (422, True), path
    assert placing.describe_grounds(str(work / "run"), (str(outside),))["count"] == 3
    link = work / "photos"  # one that leads out is no folder within
    link.symlink_to(outside)
    settings["data"].update(source=str(link), root=str(link))
    (work / "run/run.json").write_text(json.dumps(settings))
    assert ask("/place/facts?name=run").status_code == 422


def test_links_among_the_images_that_lead_out_are_refused(ask: Ask, work: Path, tmp_path_factory: Any) -> None:
    assert ask("/place/facts?name=run").status_code == 200
    outside = tmp_path_factory.mktemp("outside")
    file = ask("/place/facts?name=run").json()["grounds"][0][0]
    shutil.move(work / "photos" / file, outside / "secret.png")
    (work / "photos" / file).symlink_to(outside / "secret.png")
    assert ask("/place/ground", params={"name": "run", "file": file}).status_code == 422


def test_the_run_page_leads_there_only_where_defects_are_placed(ask: Ask, work: Path, make_run: Any) -> None:
    make_run(work / "photos", name="learnt")
    assert 'href="/place?name=run"' in ask("/run?name=run").text
    assert 'href="/place' not in ask("/run?name=learnt").text
    assert ask("/place/facts?name=learnt").status_code == 422
