"""What is seen through the latents: the way between images, and the image nearest to a real one."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

import flawforge
from flawforge.core.errors import DataNotFoundError, FolderBusyError, RunExistsError, SettingError
from flawforge.core.images import to_pixels
from flawforge.core.locks import FolderLock
from flawforge.models.directions import principal_directions
from flawforge.runs.generator.projections import PROJECTION_FILE, PROJECTION_PICTURE
from flawforge.studies.latents import nearest
from flawforge.studies.latents.between import part_way


@pytest.fixture
def run(make_run: Any, draw_images: Any, tmp_path: Path) -> Any:
    for label in ("pits", "scratches"):
        draw_images(tmp_path / "photos" / label, 3, sizes=((16, 16),))
    return make_run(tmp_path / "photos", design="fewshot", generator_depth=2, latent=8)


@pytest.fixture
def made(run: Any) -> Any:
    """Eight images a class, which the network made at their own size."""
    return flawforge.generate(run, 8)


def test_the_way_keeps_the_length_and_ends_at_both_ends() -> None:
    a, b = torch.randn(2, 64, generator=torch.Generator().manual_seed(0))
    way = part_way(a, b * a.norm() / b.norm(), torch.linspace(0, 1, 9))
    assert torch.allclose(way.norm(dim=1), a.norm(), atol=1e-4)
    assert torch.allclose(way[0], a, atol=1e-5)
    assert torch.allclose(way[-1], b * a.norm() / b.norm(), atol=1e-5)
    assert torch.allclose(part_way(a, a, torch.tensor([0.5]))[0], a, atol=1e-5)


def test_a_grid_begins_and_ends_with_images_of_the_set(run: Any, made: Any) -> None:
    file = flawforge.interpolate(run, (1, 4), label="scratches", steps=3)
    sheet = np.asarray(Image.open(file))
    assert sheet.shape == (16, 4 * 16 + 3 * 2)
    for number, part in ((1, sheet[:, :16]), (4, sheet[:, -16:])):
        written = np.asarray(Image.open(made.folder / f"scratches/scratches_{number:06d}.png"))
        assert np.abs(written.astype(int) - part).max() <= 1
    with pytest.raises(RunExistsError, match="is there already"):
        flawforge.interpolate(run)


class Painted(torch.nn.Module):
    """Latents (N, 8) to images (N, 1, 8, 8): number 3 is the light, number 5 darkens one half a little."""

    def forward(self, latents: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
        images = latents[:, 3].view(-1, 1, 1, 1).expand(-1, 1, 8, 8).clone()
        images[..., :4] -= 0.3 * latents[:, 5].view(-1, 1, 1, 1)
        return images


def test_the_directions_are_those_in_which_images_change() -> None:
    found = principal_directions(Painted(), 8, 0, 64, torch.device("cpu"))
    assert torch.allclose(found @ found.T, torch.eye(8), atol=1e-5)
    light, half = torch.eye(8)[3], torch.eye(8)[5]
    assert float(found[0] @ light) > 0.97  # brighter
    assert abs(float(found[1] @ half)) > 0.97
    again = principal_directions(Painted(), 8, 0, 64, torch.device("cpu"))
    assert torch.allclose(found[:2], again[:2], atol=1e-4)  # the others change nothing, and are any


def test_along_a_direction_the_image_is_in_the_middle(run: Any, made: Any) -> None:
    file = flawforge.interpolate(run, (4,), directions=(1, 8), label="scratches", steps=2)
    assert file == run.path / "directions.png"
    sheet = np.asarray(Image.open(file))
    assert sheet.shape == (2 * 16 + 2, 3 * 16 + 2 * 2)
    written = np.asarray(Image.open(made.folder / "scratches/scratches_000004.png"))
    for row in (sheet[:16], sheet[-16:]):
        assert np.abs(written.astype(int) - row[:, 18:34]).max() <= 1
        assert np.abs(row[:, :16].astype(int) - row[:, 18:34]).max() > 1
    film = Image.open(flawforge.interpolate(run, (4,), directions=(1,), steps=2, out=run.path / "film.gif"))
    assert film.n_frames == 4  # type: ignore[attr-defined]
    for wrong in ((0,), (9,)):
        with pytest.raises(SettingError, match="--directions names directions by their numbers, from 1 to 8"):
            flawforge.interpolate(run, directions=wrong, overwrite=True)


@pytest.mark.parametrize("ending", ["gif", "mp4"])
def test_a_film_ends_where_it_begins(run: Any, tmp_path: Path, ending: str) -> None:
    if ending == "mp4":
        pytest.importorskip("imageio_ffmpeg", reason="needs the extra 'film'")
    file = flawforge.interpolate(run, (0, 3, 5), steps=2, out=tmp_path / f"film.{ending}")
    if ending == "gif":
        film = Image.open(file)
        assert (getattr(film, "n_frames", 1), film.size) == (6, (256, 256))
    else:
        assert file.read_bytes()[4:8] == b"ftyp"


def test_an_image_of_the_generator_is_found_again_and_another_one_is_not(run: Any, made: Any, tmp_path: Path) -> None:
    own = made.folder / "pits" / "pits_000003.png"
    record = flawforge.project(run, own, steps=60)
    assert record.after < record.before
    assert record.after < 2 * max(record.own)
    folder = run.path / "projections" / own.stem
    assert Image.open(folder / PROJECTION_PICTURE).size == (4 * 192 + 3 * 8, 192)
    assert len(record.latent) == 8
    foreign = tmp_path / "board.png"
    board = np.kron(np.indices((8, 8)).sum(0) % 2 * 255, np.ones((4, 4))).astype(np.uint8)
    Image.fromarray(board).save(foreign)
    other = flawforge.project(run, foreign, label="scratches", steps=60, out=tmp_path / "out")
    assert other.label == "scratches"
    assert other.after > 5 * record.after
    assert "the generator cannot show" in other.sentence
    assert other.after <= other.before
    page = flawforge.report(run).read_text()
    assert 'id="latents"' in page
    assert "pits_000003.png" in page


def test_the_found_latent_gives_what_is_said(run: Any, made: Any, tmp_path: Path) -> None:
    file = made.folder / "scratches" / "scratches_000001.png"
    record = flawforge.project(run, file, label="scratches", steps=5)
    from flawforge.runs.checkpoint import find_checkpoint
    from flawforge.studies.synthesis import Sampler

    sampler = Sampler(run, find_checkpoint(run), torch.device("cpu"))
    with torch.inference_mode():
        found = sampler.network(torch.tensor([record.latent]), torch.tensor([1])).numpy()[0, 0]
    difference = np.asarray(Image.open(file)).astype(float) - (found + 1) * 127.5
    assert record.after == pytest.approx(np.sqrt((difference**2).mean()), abs=0.05)
    assert to_pixels(found).shape == (16, 16)


def test_what_cannot_be_is_refused_by_name(run: Any, tmp_path: Path) -> None:
    Image.new("L", (16, 16)).save(tmp_path / "black.png")
    with pytest.raises(DataNotFoundError, match="Did you mean 'black.png'.* Give the path of one image"):
        flawforge.project(run, tmp_path / "blck.png")
    with pytest.raises(DataNotFoundError, match="is a folder. Give one image in it"):
        flawforge.project(run, tmp_path)
    with pytest.raises(DataNotFoundError, match="There is no folder"):
        flawforge.project(run, tmp_path / "gone" / "black.png")
    with pytest.raises(SettingError, match="Did you mean 'pits'"):
        flawforge.project(run, tmp_path / "black.png", label="pit")
    with pytest.raises(SettingError, match="--images names at least two"):
        flawforge.interpolate(run, (1,))
    with pytest.raises(SettingError, match=r"it ends in .png, .gif or .mp4"):
        flawforge.interpolate(run, out=tmp_path / "film.avi")
    flawforge.project(run, tmp_path / "black.png", steps=1)
    with pytest.raises(RunExistsError, match="already holds a projection"):
        flawforge.project(run, tmp_path / "black.png", steps=1)
    folder = run.path / "projections" / "black"
    (folder / PROJECTION_FILE).write_text("{")
    assert 'id="latents"' not in flawforge.report(run).read_text()
    assert nearest.STARTS == 256


def test_two_do_not_draw_into_one_folder_at_once(run: Any, made: Any, tmp_path: Path) -> None:
    busy = pytest.raises(FolderBusyError, match="is writing the interpolation in .*films: another")
    with FolderLock(tmp_path / "films", "interpolation", "another"), busy:
        flawforge.interpolate(run, (1, 4), steps=2, out=tmp_path / "films" / "a.png")
    assert flawforge.interpolate(run, (1, 4), steps=2, out=tmp_path / "films" / "a.png").is_file()
