"""Boxes of maps: by hand, and held to pycocotools."""

from __future__ import annotations

import contextlib
import io
from typing import Any

import numpy as np
import pytest
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

from flawforge.metrics.detection.boxes import MOST, box_average_precision, boxes_of, tabulate_boxes

NO_LABELS = np.zeros(0, np.int64)


def of_pycocotools(maps: Any, truth: Any) -> float:
    """AP at IoU 0.5 of the same boxes."""
    known, results = [], []
    for image, (scores, mask) in enumerate(zip(maps, truth, strict=True), start=1):
        for box in boxes_of(mask, mask.astype(np.float32)):
            known.append({"id": len(known) + 1, "image_id": image, "category_id": 1, "bbox": box[:4].tolist()})
            known[-1] |= {"area": float(box[2] * box[3]), "iscrowd": 0}
        for box in boxes_of(scores >= 0.5, scores)[:MOST]:
            results.append({"image_id": image, "category_id": 1, "bbox": box[:4].tolist(), "score": float(box[4])})
    with contextlib.redirect_stdout(io.StringIO()):
        coco = COCO()
        images = [{"id": number + 1} for number in range(len(maps))]
        coco.dataset = {"images": images, "annotations": known, "categories": [{"id": 1, "name": "defect"}]}
        coco.createIndex()
        evaluated = COCOeval(coco, coco.loadRes(results), "bbox")
        evaluated.params.iouThrs = np.array([0.5])
        evaluated.evaluate()
        evaluated.accumulate()
    return float(evaluated.eval["precision"][0, :, 0, 0, -1].mean())


def drawn(seed: int, images: int = 12) -> tuple[Any, Any]:
    rng = np.random.default_rng(seed)
    truth, maps = np.zeros((images, 40, 40), bool), rng.uniform(0, 0.45, (images, 40, 40))
    for image in range(images - 2):
        for _ in range(rng.integers(1, 4)):
            top, left, height, width = *rng.integers(0, 30, 2), *rng.integers(4, 9, 2)
            truth[image, top : top + height, left : left + width] = True
            top, left = np.maximum(0, np.array([top, left]) + rng.integers(-1, 2, 2))
            if rng.random() < 0.8:
                maps[image, top : top + height, left : left + width] = np.round(rng.uniform(0.5, 1), 1)
        top, left = rng.integers(0, 36, 2)
        maps[image, top : top + 3, left : left + 3] = np.round(rng.uniform(0.5, 1), 1)
    return maps.astype(np.float32), truth


@pytest.mark.parametrize("seed", range(5))
def test_it_is_pycocotools_number(seed: int) -> None:
    maps, truth = drawn(seed)
    table = tabulate_boxes(maps, truth).astype(float)
    found = box_average_precision(table, NO_LABELS, np.ones((1, len(maps))))[0]
    assert found == pytest.approx(of_pycocotools(maps, truth), abs=1e-9)
    assert 0.05 < found < 0.95


def test_values_by_hand() -> None:
    truth = np.zeros((2, 20, 20), bool)
    truth[0, 2:6, 2:6], truth[1, 10:14, 10:14] = True, True
    once = np.ones((1, 2))
    table = tabulate_boxes(truth.astype(np.float32), truth).astype(float)
    assert box_average_precision(table, NO_LABELS, once) == 1
    one_of_two = np.where(truth & (np.arange(2)[:, None, None] == 0), np.float32(0.9), np.float32(0))
    table = tabulate_boxes(one_of_two, truth).astype(float)
    assert box_average_precision(table, NO_LABELS, once)[0] == pytest.approx(51 / 101)  # recalls of 0 to 0.5
    assert box_average_precision(table, NO_LABELS, np.array([[2.0, 0.0]])) == 1
    assert box_average_precision(table, NO_LABELS, np.array([[0.0, 3.0]])) == 0
    assert np.isnan(box_average_precision(table, NO_LABELS, np.zeros((1, 2)))[0])


def test_no_box_at_all_is_0_and_no_true_box_is_no_number() -> None:
    truth = np.zeros((2, 20, 20), bool)
    truth[0, 2:6, 2:6] = True
    nothing = tabulate_boxes(np.zeros((2, 20, 20), np.float32), truth).astype(float)
    assert box_average_precision(nothing, NO_LABELS, np.ones((1, 2))) == 0
    no_truth = tabulate_boxes(truth.astype(np.float32), np.zeros_like(truth)).astype(float)
    assert np.isnan(box_average_precision(no_truth, NO_LABELS, np.ones((1, 2)))[0])


def test_parts_that_touch_at_a_corner_are_one_box() -> None:
    mask = np.zeros((8, 8), bool)
    mask[1, 1], mask[2, 2], mask[5:7, 4:8] = True, True, True
    scores = np.linspace(0, 1, 64, dtype=np.float32).reshape(8, 8)
    found = boxes_of(mask, scores)
    assert found[:, :4].tolist() == [[4, 5, 4, 2], [1, 1, 2, 2]]
    assert found[:, 4].tolist() == pytest.approx([scores[6, 7], scores[2, 2]])
