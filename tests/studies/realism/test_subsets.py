"""Which images are compared: the classes' proportions, what is too few, and rows of enough groups."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from flawforge.data.dataset import Dataset
from flawforge.data.sample import Sample
from flawforge.studies.realism.subsets import GROUPS_OF_HALF, choose_rows, draw_rows, too_few
from flawforge.studies.sets.held_out import HeldOut


def real_images(labels: list[str], groups: list[int] | None = None) -> HeldOut:
    samples = tuple(
        Sample(f"{i}.png", label, width=8, height=8, mode="L", encoding="PNG", gray=True, peak=255, sha256=f"{i}")
        for i, label in enumerate(labels)
    )
    rows = np.arange(len(labels))
    numbers = rows if groups is None else np.array(groups)
    return HeldOut(Dataset("d", Path("d"), "classes", samples), numbers, rows, rows, "training", "", ())


def test_generated_images_are_drawn_in_the_real_proportions() -> None:
    chosen = choose_rows(real_images(["crack"] * 10 + ["free"] * 30), ["crack"] * 40 + ["free"] * 30, 0)
    assert (chosen.generated < 40).sum() == 10
    assert (chosen.generated >= 40).sum() == 30
    assert chosen.classes == ("crack", "free")
    assert chosen.notes == (
        "40 of the 70 generated images are compared, so that the classes have the same proportions as in the real "
        "images. The numbers per class use all of them.",
    )


def test_the_rarest_class_is_not_thinned_to_nothing() -> None:
    chosen = choose_rows(real_images(["crack"] * 3 + ["free"] * 897), ["crack"] * 64 + ["free"] * 64, 0)
    assert (chosen.generated < 64).sum() == 1
    assert (chosen.generated >= 64).sum() == 63


def test_a_class_without_generated_images_is_left_out_and_named() -> None:
    chosen = choose_rows(real_images(["crack"] * 10 + ["free"] * 30), ["free"] * 20, 0)
    assert chosen.reference.tolist() == list(range(10, 40))
    assert chosen.notes == ("Classes without generated images were left out: crack.",)


def test_images_without_a_class_are_compared_with_all_classes() -> None:
    chosen = choose_rows(real_images(["crack"] * 10 + ["free"] * 30), ["mixture"] * 20, 0)
    assert (len(chosen.reference), len(chosen.generated), chosen.classes) == (40, 20, ())
    assert chosen.notes == (
        "The generated images have no class of the real ones, so they are compared with real images of all classes.",
    )
    named = choose_rows(real_images(["crack"] * 10 + ["free"] * 30), ["Free"] * 20 + ["Crack"] * 20, 0)
    assert named.notes == (
        "The generated images have no class of the real ones (theirs: Crack, Free), so they are compared with real "
        "images of all classes.",
    )


def test_generated_images_of_a_class_that_no_real_one_has_are_left_out_and_named() -> None:
    made = ["crack"] * 30 + ["free"] * 30 + ["dent"] * 7
    chosen = choose_rows(real_images(["crack"] * 10 + ["free"] * 30), made, 0)
    assert chosen.generated.max() < 60
    assert chosen.notes == (
        "7 of the 67 generated images were left out, as no real image has their class: dent.",
        "40 of the other 60 generated images are compared, so that the classes have the same proportions as in the "
        "real images. The numbers per class use all of them.",
    )


@pytest.mark.parametrize(
    ("groups", "generated", "why"),
    [
        (
            [*range(9)],
            40,
            "there are real images of only 9 specimens to compare with, and at least 12 are "
            "needed, in 13 images, so that one half of them can be compared with the other",
        ),
        ([*range(40)], 1, "there is only 1 generated image, and at least 12 are needed"),
        ([*range(40)], 5, "there are only 5 generated images, and at least 12 are needed"),
        ([*range(12)], 40, "there are only 12 real images to compare with, and at least 13 are needed"),
        ([*range(11), *[11] * 50], 40, "all but 11 of the real images show the same specimen"),
        ([*range(13)], 12, ""),
    ],
)
def test_what_is_too_few_is_told(groups: list[int], generated: int, why: str) -> None:
    real = real_images(["crack"] * len(groups), groups)
    assert too_few(real, choose_rows(real, ["crack"] * generated, 0)) == why


def test_rows_are_drawn_from_enough_groups_where_one_group_holds_nearly_all() -> None:
    groups = np.array([0] * 5000 + [*range(1, 13)])
    for seed in range(5):
        rows = draw_rows(np.arange(len(groups)), groups, 100, np.random.default_rng(seed))
        assert len(rows) == len(set(rows.tolist())) == 100
        assert rows.tolist() == sorted(rows.tolist())
        assert np.unique(groups[rows]).size >= GROUPS_OF_HALF
