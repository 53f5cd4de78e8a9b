"""Pairs of a generated and a real image, at their own pixels."""

import json
from collections.abc import Callable

import numpy as np

from flawforge.reports.page import report
from flawforge.reports.run.own_pixels import pairs_at_own_pixels
from flawforge.reports.run.synthetic import read_synthetic


def test_pairs_of_a_class_are_shown_at_their_own_pixels(drawn: Callable) -> None:
    run = drawn(classes={"crack": 5, "scratch": 5})
    run.previews(reals=[np.full((300, 310), 90 + number, np.uint8) for number in range(4)])
    names = sorted(path.name for path in (run.run.previews / "real").glob("*.png"))
    run.run.real_classes_file.write_text(json.dumps(dict(zip(names, ("scratch", "crack") * 2, strict=True))))
    run.synthetic(8, lambda i: np.full((300, 700), i, np.uint8))
    shown = pairs_at_own_pixels(run.run, read_synthetic(run.run), 255)
    assert [pair.label for pair in shown.pairs] == ["crack", "crack", "scratch", "scratch"]
    assert all(pair.label == pair.real_label for pair in shown.pairs)
    assert len({pair.real.uri for pair in shown.pairs if pair.real is not None}) == 4
    sizes = {(pair.generated.width, pair.generated.height, pair.real and pair.real.width) for pair in shown.pairs}
    assert sizes == {(384, 300, 310)}  # what is wider is cut, not made smaller
    text = report(run.run).read_text(encoding="utf-8")
    assert text.count('style="width:310px"') == 4


def test_small_images_are_not_shown_twice(drawn: Callable) -> None:
    run = drawn()
    run.previews()
    run.synthetic(4)
    assert pairs_at_own_pixels(run.run, read_synthetic(run.run), 255).pairs == []
    assert "Pixel by pixel" not in report(run.run).read_text(encoding="utf-8")


def test_without_real_images_the_generated_ones_stand_alone(drawn: Callable) -> None:
    run = drawn()
    run.synthetic(2, lambda i: np.full((200, 200), i, np.uint8))
    shown = pairs_at_own_pixels(run.run, read_synthetic(run.run), 255)
    assert [pair.real for pair in shown.pairs] == [None, None]
    text = report(run.run).read_text(encoding="utf-8")
    assert "Pixel by pixel" in text
    assert "on the right" not in text
    assert "beside a real image" not in text
