"""The formats of labels that are known. A new one takes a file of its own and a line here."""

from __future__ import annotations

from flawforge.data.reading.formats.class_masks import CLASS_MASKS
from flawforge.data.reading.formats.coco import COCO
from flawforge.data.reading.formats.cvat import CVAT
from flawforge.data.reading.formats.dagm import DAGM
from flawforge.data.reading.formats.datumaro import DATUMARO
from flawforge.data.reading.formats.labelme import LABELME
from flawforge.data.reading.formats.runs import RUNS
from flawforge.data.reading.formats.supervisely import SUPERVISELY
from flawforge.data.reading.formats.table import TABLE
from flawforge.data.reading.formats.voc import VOC
from flawforge.data.reading.formats.yolo import YOLO
from flawforge.data.reading.labels import LabelFormat

LABEL_FORMATS: tuple[LabelFormat, ...] = (
    VOC,
    COCO,
    YOLO,
    LABELME,
    CVAT,
    DATUMARO,
    SUPERVISELY,
    RUNS,
    TABLE,
    CLASS_MASKS,
    DAGM,
)
