"""The formats that datasets are written in. A new one takes a file of its own and a line here."""

from __future__ import annotations

from flawforge.data.writing.export_format import ExportFormat
from flawforge.data.writing.formats.coco import COCO_OUT
from flawforge.data.writing.formats.hugging_face import HUGGING_FACE_OUT
from flawforge.data.writing.formats.image_folder import IMAGE_FOLDER_OUT
from flawforge.data.writing.formats.labelme import LABELME_OUT
from flawforge.data.writing.formats.mvtec import MVTEC_OUT
from flawforge.data.writing.formats.voc import VOC_OUT
from flawforge.data.writing.formats.web_dataset import WEB_DATASET_OUT
from flawforge.data.writing.formats.yolo import YOLO_OUT, YOLO_SEG_OUT

EXPORT_FORMATS: dict[str, ExportFormat] = {
    known.name: known
    for known in (
        IMAGE_FOLDER_OUT,
        YOLO_OUT,
        YOLO_SEG_OUT,
        COCO_OUT,
        VOC_OUT,
        MVTEC_OUT,
        LABELME_OUT,
        WEB_DATASET_OUT,
        HUGGING_FACE_OUT,
    )
}
