"""Placed defects beside real ones: what a seam shows, and when nothing is measured."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image
from scipy import ndimage

from flawforge.models.extractors import PixelValues
from flawforge.runs.set_files import ManifestEntry
from flawforge.studies.realism.blind import keep_blind
from flawforge.studies.realism.placed_defects import (
    MarkedImage,
    change_notes,
    compare_defects,
    shown_defects,
    told_apart,
)


def images(count: int, seed: int, seam: float = 0.0, shots: int = 0) -> list[MarkedImage]:
    """Draw dark discs on noise, with a bright line of so many levels around them; of so many `shots`."""
    found = []
    rows, columns = np.mgrid[:70, :90]
    for number in range(count):
        rng = np.random.default_rng([seed, number])
        mask = (rows - rng.integers(25, 45)) ** 2 + (columns - rng.integers(25, 65)) ** 2 <= 100
        pixels = rng.normal(140, 12, mask.shape) - 50 * mask
        pixels[ndimage.binary_dilation(mask, iterations=2) & ~mask] += seam
        found.append(MarkedImage(pixels.clip(0, 255).astype(np.uint8), mask, number % shots if shots else number))
    return found


def test_equal_defects_are_not_told_apart_and_a_seam_is() -> None:
    real = images(20, 0)
    same = compare_defects(real, images(20, 1), PixelValues(), 255, 0)
    assert [one.name for one in same] == ["defect_auc", "seam_auc"]
    assert [one.outside for one in same] == [False, False]
    seams = {one.name: one for one in compare_defects(real, images(20, 1, seam=60), PixelValues(), 255, 0)}
    assert seams["seam_auc"].outside
    assert (seams["seam_auc"].generated.value or 0) > 0.9
    assert told_apart(same) == ""
    told = told_apart([seams["seam_auc"]])
    assert told.startswith("a classifier tells the borders of their placed defects from real ones (AUC ")


def test_it_is_said_how_much_of_the_change_the_masks_mark() -> None:
    def note(*shares: float, name: str = "inside") -> list[str]:
        return change_notes(
            [ManifestEntry("a.png", "pit", 0, 0, "", "", 90, 70, "L", placed={name: share}) for share in shares]
        )

    assert note(0.99, 0.8999) == [
        "Of the change to the grounds 94.4% lies inside the masks (of each image at least 89.9%), the rest in their "
        "soft borders."
    ]
    assert note(1.0, 0.99999)[0].startswith("Of the change to the grounds 99.9% ")
    assert note(0.9, 0.0)[0].endswith(" In 1 of 2 images nothing inside the mask changed.")
    assert note(0.9, name="strength") == []  # of an earlier version


def test_it_is_said_where_few_grounds_come_again() -> None:
    def notes(grounds: int, count: int = 20) -> list[str]:
        return change_notes(
            [
                ManifestEntry(
                    "a.png", "pit", 0, 0, "", "", 90, 70, "L", ground_sha256=str(n % grounds), placed={"inside": 1.0}
                )
                for n in range(count)
            ]
        )

    assert notes(5)[1].startswith("The placed images show 5 grounds: whole images may be told from real ones by")
    assert len(notes(12)) == len(notes(3, 3)) == 1


def test_the_blind_test_shows_no_ground_again_before_the_others(tmp_path: Path) -> None:
    """Of 20 placed images with five grounds a person knew the grounds again, and not the defects."""
    real = [MarkedImage(np.zeros((40, 40), np.uint8), one.mask[:40, :40], one.group) for one in images(20, 0)]
    made = [
        MarkedImage(np.full((40, 40), 10 + ground, np.uint8), one.mask[:40, :40], one.group, ground)
        for ground, one in zip([0] * 80 + list(range(19)), images(99, 1), strict=True)
    ]
    sides = [shown_defects(some, 1, 255) for some in (real, made)]
    kept = [np.asarray(Image.open(tmp_path / one.picture)) for one in keep_blind(tmp_path, *sides, seed=0)]
    assert len({int(shown[0, 0]) for shown in kept if shown[0, 0]}) == 19


def test_too_few_shots_or_too_small_images_are_not_measured() -> None:
    assert compare_defects(images(20, 0), images(20, 1, shots=5), PixelValues(), 255, 0) == []
    small = [MarkedImage(one.pixels[:20], one.mask[:20], one.group) for one in images(20, 1)]
    assert compare_defects(images(20, 0), small, PixelValues(), 255, 0) == []


def test_the_blind_test_shows_the_defects_and_not_the_middles_of_their_images(tmp_path: Path) -> None:
    """Cut about the middle, most pictures showed nothing but real ground, and a person was said not to tell them."""
    small = [MarkedImage(one.pixels[:32, :32], one.mask[:32, :32], one.group) for one in images(4, 2)]
    corner = np.zeros((90, 80), bool)
    corner[80:86, 4:12] = True
    made = [MarkedImage(np.where(corner, 0, 200).astype(np.uint8), corner, number) for number in range(4)]
    sides = [shown_defects(some, 1, 255) for some in (small, made)]
    for kept in keep_blind(tmp_path, *sides, seed=0):
        shown = np.asarray(Image.open(tmp_path / kept.picture))
        assert shown.shape == (32, 32)
        assert kept.real or np.count_nonzero(shown == 0) == corner.sum()
