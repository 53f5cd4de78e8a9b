"""Box average precision at IoU 0.5, of boxes around what a map calls defective: defects of all classes as one.

faster-coco-eval says which boxes are right, and the precision at 101 recalls is COCO's; weights, one per image, make a
bootstrap over groups possible. With weights of 1 it is pycocotools' AP50 (held in a test).
"""

from __future__ import annotations

import numpy as np
from scipy import ndimage

from flawforge.core.arrays import Bools, Floats, Floats32, Ints

CERTAIN = 0.5  # of a map, from which a pixel counts as defective
MOST = 10  # boxes of an image, the most certain ones
BOX_COLUMNS = 2 * MOST + 1  # a box's score (0: none) and whether it is right, then how many true boxes there are
OVERLAP = 0.5  # intersection over union from which a box is right
RECALLS = np.linspace(0, 1, 101)
EIGHT = np.ones((3, 3), bool)


def tabulate_boxes(maps: Floats32, truth: Bools) -> Floats32:
    """Return (N, `BOX_COLUMNS`) of the boxes in maps (N, H, W), 0 to 1, against those of the masks (N, H, W).

    A box is that of a connected part; its score is the largest of the part.
    """
    out = np.zeros((len(maps), BOX_COLUMNS), np.float32)
    found = [boxes_of(scores >= CERTAIN, scores)[:MOST] for scores in maps]
    true = [boxes_of(mask, mask.astype(np.float32)) for mask in truth]
    for row, (boxes, right, there) in enumerate(zip(found, right_boxes(found, true), true, strict=True)):
        out[row, : len(boxes)] = boxes[:, 4]
        out[row, MOST : MOST + len(boxes)] = right
        out[row, -1] = len(there)
    return out


def boxes_of(marked: Bools, scores: Floats32) -> Floats:
    """Return (n, 5) left, top, width, height and largest score of each connected part, the highest score first."""
    parts, count = ndimage.label(marked, EIGHT)
    boxes = np.zeros((count, 5))
    for index, (rows, columns) in enumerate(ndimage.find_objects(parts)):
        width, height = columns.stop - columns.start, rows.stop - rows.start
        boxes[index, :4] = columns.start, rows.start, width, height
    if count:
        boxes[:, 4] = ndimage.maximum(scores, parts, np.arange(1, count + 1))
    return boxes[np.argsort(-boxes[:, 4], kind="stable")]


def right_boxes(found: list[Floats], true: list[Floats]) -> list[Bools]:
    """Return for each image which of its boxes overlap a true one by `OVERLAP` that no more certain box has taken.

    Args:
        found: (n, 5) of each image, as `boxes_of` returns them.
        true: likewise.
    """
    from faster_coco_eval import COCO, COCOeval_faster

    right = [np.zeros(len(boxes), bool) for boxes in found]
    if not any(map(len, found)) or not any(map(len, true)):
        return right
    images = [{"id": image + 1, "width": 1, "height": 1, "file_name": ""} for image in range(len(found))]
    places = [(image, index) for image, boxes in enumerate(found) for index in range(len(boxes))]
    truth = [
        {"id": number + 1, "image_id": image + 1, "category_id": 1, "bbox": box[:4].tolist()}
        | {"area": float(box[2] * box[3]), "iscrowd": 0}
        for number, (image, box) in enumerate((image, box) for image, boxes in enumerate(true) for box in boxes)
    ]
    results = [
        {"image_id": image + 1, "category_id": 1, "bbox": box[:4].tolist(), "score": float(box[4])}
        for image, boxes in enumerate(found)
        for box in boxes
    ]
    known = COCO({"images": images, "annotations": truth, "categories": [{"id": 1, "name": "defect"}]})
    evaluated = COCOeval_faster(known, known.loadRes(results), "bbox", extra_calc=True)
    evaluated.params.iouThrs = np.array([OVERLAP])
    evaluated.evaluate()
    evaluated.accumulate()
    for (image, index), box in zip(places, evaluated.cocoDt.anns.values(), strict=True):
        right[image][index] = bool(box.get("tp"))
    return right


def box_average_precision(table: Floats, labels: Ints, weights: Floats) -> Floats:
    """Return (B,) box average precisions under weights (B, N); NaN where no box is true.

    Args:
        table: (N, ...) whose last `BOX_COLUMNS` columns are of `tabulate_boxes`.
        labels: do not matter.
        weights: of the images.
    """
    table = table[:, -BOX_COLUMNS:]
    scores, right = table[:, :MOST], table[:, MOST : 2 * MOST]
    images, places = np.nonzero(scores)
    order = np.argsort(-scores[images, places], kind="stable")
    images, places = images[order], places[order]
    each = weights[:, images]
    hits, shown = np.cumsum(each * right[images, places], axis=1), np.cumsum(each, axis=1)
    true = weights @ table[:, -1]
    out = np.full(len(weights), np.nan)
    for row in np.flatnonzero(true > 0):
        precision = np.divide(hits[row], shown[row], out=np.zeros(len(images)), where=shown[row] > 0)
        highest = np.append(np.maximum.accumulate(precision[::-1])[::-1], 0.0)
        out[row] = highest[np.searchsorted(hits[row] / true[row], RECALLS * (1 - 1e-12))].mean()
    return out
