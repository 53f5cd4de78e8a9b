from collections.abc import Callable

import numpy as np

from flawforge.core.images import encode_png, grid
from flawforge.reports.page import report
from flawforge.reports.run.film import film


def test_eight_moments_of_eight_latents_and_a_row_of_real_ones(drawn: Callable) -> None:
    run = drawn()
    run.previews(moments=20)
    found = film(run.run, (32, 32), 255)
    assert found is not None
    assert (found.moments, found.latents) == (20, 8)
    labels = [label.replace("\u00a0", " ") for label, _ in found.rows]
    assert labels == [
        "0 kimg",
        "2.4 kimg",
        "4 kimg",
        "6.4 kimg",
        "8.8 kimg",
        "11.2 kimg",
        "12.8 kimg",
        "15.2 kimg",
        "real",
    ]
    assert {(p.width, p.height) for _, pictures in found.rows for p in pictures} == {(32, 32)}
    html = report(run.run).read_text(encoding="utf-8").replace("\u00a0", " ")
    assert 'alt="Latent 3 at 0 kimg"' in html
    assert 'alt="Real image 8"' in html
    assert "8 of 20 saved moments, top to bottom; the last row shows real images." in html


def test_a_grid_of_another_layout_is_shown_whole(drawn: Callable) -> None:
    run = drawn()
    run.previews(moments=2)
    found = film(run.run, (28, 28), 255)
    assert found is not None
    assert [len(pictures) for _, pictures in found.rows] == [1, 1, 1]


def test_empty_cells_are_passed_over(drawn: Callable) -> None:
    run = drawn()
    cells = [np.arange(64, dtype=np.uint8).reshape(8, 8)] * 5
    (run.run.previews / "kimg_000001.000.png").write_bytes(encode_png(grid(cells, 4), "L"))
    found = film(run.run, (8, 8), 255)
    assert found is not None
    assert found.latents == 5


def test_no_previews_no_film(drawn: Callable) -> None:
    run = drawn()
    assert film(run.run, (32, 32), 255) is None
    (run.run.previews / "kimg_000001.000.png").write_bytes(b"torn")
    assert film(run.run, (32, 32), 255) is None
