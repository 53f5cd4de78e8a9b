"""Candidates: few, and the right ones."""

from __future__ import annotations

import numpy as np
import pytest

from flawforge.data.grouping.candidates import Index, Signer
from flawforge.data.grouping.keypoints import find_keypoints, flatten
from flawforge.data.grouping.registration import turned

from .material import cell, texture


def test_candidates_grow_no_faster_than_images():
    # every image has the same layout, so each could be a candidate with each: 190, 780, 3160 pairs
    counts = []
    for number in (20, 40, 80):
        points = [find_keypoints(flatten(cell(seed))) for seed in range(number)]
        signer, index = Signer(np.concatenate([p.patches for p in points])), Index()
        for image, found in enumerate(points):
            index.add(image, found, signer.sign(found.patches))
        counts.append(len(index.candidates(np.full((number, 2), 240))))
    assert counts[1] <= 2.5 * max(counts[0], 20)
    assert counts[2] <= 2.5 * max(counts[1], 40)


@pytest.mark.parametrize("pose", range(8))
def test_the_placement_of_a_turned_crop_is_named_exactly(pose: int) -> None:
    """A crop of a picture of its own, turned: the candidate says how to turn the picture and where the crop lies."""
    wide = texture(3, 150, 190)
    row, column = 24, 40
    crop = np.ascontiguousarray(turned(wide, pose)[row : row + 100, column : column + 90])
    points = [find_keypoints(flatten(image)) for image in (wide, crop, texture(4, 120, 120))]
    signer, index = Signer(np.concatenate([p.patches for p in points])), Index()
    for image, found in enumerate(points):
        index.add(image, found, signer.sign(found.patches))
    told = index.candidates(np.array([(150, 190), crop.shape, (120, 120)]))
    best = int(np.argmax(told.votes))
    assert (told.first[best], told.second[best], told.pose[best]) == (0, 1, pose)
    assert abs(int(told.dy[best]) - row) <= 1
    assert abs(int(told.dx[best]) - column) <= 1


def test_no_keypoints_give_no_candidates() -> None:
    assert len(Index().candidates(np.empty((0, 2), np.int64))) == 0
