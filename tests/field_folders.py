"""Folders as published sets, labelling tools and cameras leave them, drawn small: one function a folder."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

Draw = Callable[[Path], None]
KINDS = ("scratch", "spot")


def surface(seed: int, defect: str = "", height: int = 48, width: int = 48) -> tuple[Any, Any]:
    """Return (H, W) pixels of a rough surface and (H, W) bool: a dark ``spot`` or a bright ``scratch`` in it."""
    rng = np.random.default_rng(seed)
    pixels = 120 + 15 * rng.standard_normal((height, width))
    down, along = rng.integers(height // 4, height - height // 4), rng.integers(width // 4, width - width // 4)
    rows, columns = np.ogrid[:height, :width]
    mask = np.zeros((height, width), bool)
    if defect == "spot":
        mask = (rows - down) ** 2 + (columns - along) ** 2 < 25
    elif defect:
        mask = (abs(rows - down - 0.3 * (columns - along)) < 1.5) & (abs(columns - along) < 11)
    pixels[mask] += 70 if defect == "scratch" else -70
    return np.clip(pixels, 0, 255).astype(np.uint8), mask


def keep(pixels: Any, path: Path, **options: Any) -> None:
    """Write an image; a mask of True and False as 255 and 0."""
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels.astype(np.uint8) * 255 if pixels.dtype == bool else pixels).save(path, **options)


def note(path: Path, text: str, encoding: str = "utf-8") -> None:
    """Write a text file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding=encoding)


def around(mask: Any) -> tuple[int, int, int, int]:
    """Return left, top, right, bottom of a mask, right and bottom outside."""
    rows, columns = np.nonzero(mask)
    return int(columns.min()), int(rows.min()), int(columns.max()) + 1, int(rows.max()) + 1


def runs(mask: Any) -> list[int]:
    """Return alternating lengths of ground and defect down the columns."""
    flat = np.concatenate([[False], mask.T.ravel(), [not mask[-1, -1]]])
    return [int(length) for length in np.diff(np.concatenate([[0], np.flatnonzero(flat[1:] != flat[:-1])]))]


def kolektor1(root: Path) -> None:
    for part in range(6):
        for number in range(5):
            pixels, mask = surface(100 + 10 * part + number, "" if number else "spot", 60, 40)
            keep(pixels, root / f"kos{part + 1:02}" / f"Part{number}.jpg")
            keep(mask, root / f"kos{part + 1:02}" / f"Part{number}_label.bmp")


def kolektor2(root: Path) -> None:
    for number in range(24):
        pixels, mask = surface(200 + number, "" if number % 3 else "spot")
        folder = root / ("test" if number > 15 else "train")
        keep(pixels, folder / f"{10000 + number}.png")
        keep(mask, folder / f"{10000 + number}_GT.png")


def magnetic(root: Path) -> None:
    for place, (name, defect) in enumerate((("MT_Blowhole", "spot"), ("MT_Crack", "scratch"), ("MT_Free", ""))):
        for number in range(8):
            pixels, mask = surface(300 + 10 * place + number, defect)
            keep(pixels, root / name / "Imgs" / f"exp1_num_{number}.jpg")
            keep(mask, root / name / "Imgs" / f"exp1_num_{number}.png")


def pairs(root: Path) -> None:
    for number in range(10):
        pixels, mask = surface(400 + number, "scratch")
        keep(pixels, root / "crack" / f"{number:03}_image.png")
        keep(mask, root / "crack" / f"{number:03}_mask.png")


def visa(root: Path) -> None:
    for number in range(20):
        pixels, mask = surface(500 + number, "" if number < 14 else "spot")
        kind = "Normal" if number < 14 else "Anomaly"
        keep(pixels, root / "candle" / "Data" / "Images" / kind / f"{number:04}.JPG")
        if mask.any():
            keep(mask.astype(np.uint8), root / "candle" / "Data" / "Masks" / kind / f"{number:04}.png")


def loco(root: Path) -> None:
    folders = ["train/good"] * 8 + ["validation/good"] * 3 + ["test/good"] * 3
    folders += ["test/structural_anomalies"] * 5 + ["test/logical_anomalies"] * 5
    for number, folder in enumerate(folders):
        pixels, mask = surface(600 + number, "" if number < 14 else "spot")
        keep(pixels, root / "bag" / folder / f"{number:03}.png")
        for part in range(2 if number >= 14 else 0):
            half = mask & (np.arange(48) % 2 == part)
            place = root / "bag" / folder.replace("test", "ground_truth") / f"{number:03}"
            keep(half.astype(np.uint8) * (240 + part), place / f"{part:03}.png")


def mvtec_several(root: Path) -> None:
    for number in range(16):
        pixels, mask = surface(700 + number, "" if number < 10 else "spot")
        keep(
            pixels,
            root
            / "nut"
            / ("train/good" if number < 7 else "test/good" if number < 10 else "test/hole")
            / f"{number:03}.png",
        )
        for part in range(2 if number >= 10 else 0):
            half = mask & (np.arange(48) % 2 == part)
            keep(half, root / "nut" / "ground_truth" / "hole" / f"{number:03}_{part}_mask.png")


def _yolo(images: Path, labels: Path, number: int) -> None:
    pixels, mask = surface(800 + number, KINDS[number % 2] if number < 16 else "")
    keep(pixels, images / f"i{number:03}.jpg", quality=95)
    line = ""
    if number < 16:
        left, top, right, bottom = (side / 48 for side in around(mask))
        line = f"{number % 2} {(left + right) / 2:.6f} {(top + bottom) / 2:.6f} {right - left:.6f} {bottom - top:.6f}\n"
    if line or number % 2:  # of a good image the file is empty or missing
        note(labels / f"i{number:03}.txt", line)


def yolo_split(root: Path) -> None:
    for number in range(20):
        part = root / ("train" if number < 14 else "valid")
        _yolo(part / "images", part / "labels", number)
    note(root / "data.yaml", "nc: 2\nnames: [scratch, spot]\n")


def yolo_beside(root: Path) -> None:
    for number in range(20):
        _yolo(root, root, number)
    note(root / "classes.txt", "scratch\nspot\n")


def coco(root: Path) -> None:
    images, annotations = [], []
    for number in range(20):
        pixels, mask = surface(900 + number, KINDS[number % 2] if number < 16 else "")
        keep(pixels, root / "images" / f"i{number:03}.jpg", quality=95)
        images.append({"id": number, "file_name": f"i{number:03}.jpg", "width": 48, "height": 48})
        if number < 16:
            left, top, right, bottom = around(mask)
            outline = [[left, top, right, top, right, bottom, left, bottom]]
            annotations.append(
                {
                    "id": number,
                    "image_id": number,
                    "category_id": 7 * (number % 2),
                    "iscrowd": int(number % 3 == 0),
                    "bbox": [left, top, right - left, bottom - top],
                    "area": int(mask.sum()),
                    "segmentation": outline if number % 3 else {"size": [48, 48], "counts": runs(mask)},
                }
            )
    categories = [{"id": 0, "name": "scratch"}, {"id": 7, "name": "spot"}]
    told = {"images": images, "annotations": annotations, "categories": categories}
    note(root / "annotations" / "instances_default.json", json.dumps(told))


def labelme(root: Path) -> None:
    for number in range(20):
        pixels, mask = surface(1000 + number, KINDS[number % 2] if number < 16 else "")
        file = root / f"i{number:03}.png"
        keep(pixels, file)
        if number < 16:
            left, top, right, bottom = around(mask)
            points = [[left, top], [right, top], [right, bottom], [left, bottom]]
            shape = {"label": KINDS[number % 2], "points": points, "shape_type": "polygon"}
            if number % 3 == 0:
                shape |= {"points": points[2::-2], "shape_type": "rectangle"}
            told = {
                "version": "5.1",
                "flags": {},
                "shapes": [shape],
                "imagePath": file.name,
                "imageHeight": 48,
                "imageWidth": 48,
                "imageData": base64.b64encode(file.read_bytes()).decode(),
            }
            note(file.with_suffix(".json"), json.dumps(told))


def severstal(root: Path) -> None:
    lines = ["ImageId,ClassId,EncodedPixels"]
    for number in range(20):
        pixels, mask = surface(1100 + number, KINDS[number % 2] if number < 14 else "", 32, 160)
        folder = "train_images" if number < 14 else "test_images"
        keep(np.dstack([pixels] * 3), root / folder / f"{number:08x}.jpg")
        if number < 14:
            lengths = runs(mask)
            starts = np.cumsum(lengths)
            told = [f"{starts[at - 1] + 1} {lengths[at]}" for at in range(1, len(lengths), 2)]
            lines.append(f"{number:08x}.jpg,{1 + number % 2},{' '.join(told)}")
    note(root / "train.csv", "\n".join(lines) + "\n")


def segmentation(root: Path) -> None:
    for number in range(12):
        pixels, mask = surface(1200 + number, KINDS[number % 2])
        keep(pixels, root / "JPEGImages" / f"i{number}.jpg", quality=95)
        classes = Image.fromarray((mask * (1 + number % 2)).astype(np.uint8)).convert("P")
        classes.putpalette([0, 0, 0, 128, 0, 0, 0, 128, 0] + [0] * 759)
        for folder in ("SegmentationClass", "SegmentationObject"):
            (root / folder).mkdir(parents=True, exist_ok=True)
            classes.save(root / folder / f"i{number}.png")
        shown = np.dstack([np.where(mask, 200, pixels), pixels, pixels]).astype(np.uint8)
        keep(shown, root / "SegmentationClassVisualization" / f"i{number}.jpg")
    note(root / "class_names.txt", "_background_\nscratch\nspot\n")


def twelve_bit(root: Path, hot: bool = False) -> None:
    for number in range(14):
        deep = surface(1300 + number, "spot")[0].astype(np.uint16) * 12 + 300
        deep[3, 3] = 65535 if hot and number == 0 else deep[3, 3]
        keep(deep, root / "spot" / f"{number}.png")


def hot_pixel(root: Path) -> None:
    twelve_bit(root, hot=True)


def long(root: Path) -> None:
    for number in range(14):
        keep(surface(1400 + number, "spot", 64, 1024)[0], root / "spot" / f"{number}.png")


def jpeg_masks(root: Path) -> None:
    for number in range(14):
        pixels, mask = surface(1500 + number, "spot")
        keep(pixels, root / "spot" / f"{number}.png")
        keep(mask, root / "masks" / "spot" / f"{number}.jpg", quality=60)


def small_defect(root: Path) -> None:
    for number in range(3):
        keep(surface(1600 + number, "", 2160, 3840)[0], root / "images" / f"p{number}.png")
        note(root / "annotations" / f"p{number}.xml", xml([("dot", 1000, 1000, 1020, 1020)], (3840, 2160)))


def xml(boxes: list[tuple[Any, ...]], size: tuple[int, int] = (60, 40)) -> str:
    """Return a Pascal VOC annotation of boxes (class, left, top, right, bottom) of any type."""
    objects = "".join(
        "<object><name>{}</name><bndbox><xmin>{}</xmin><ymin>{}</ymin><xmax>{}</xmax><ymax>{}</ymax></bndbox></object>".format(
            *box
        )
        for box in boxes
    )
    width, height = size
    return f"<annotation><size><width>{width}</width><height>{height}</height></size>{objects}</annotation>"


def gc10(root: Path) -> None:
    for kind in (1, 2, 3):
        for number in range(8):
            pixels, mask = surface(1700 + 10 * kind + number, "spot", 40, 60)
            keep(pixels, root / str(kind) / f"img_{kind:02}_{number:05}.jpg")
            note(root / "lable" / f"img_{kind:02}_{number:05}.xml", xml([(f"{kind}_hole", *around(mask))]))


def _voc(
    write: Callable[[int, str, Any], str],
    images: str = "JPEGImages",
    labels: str = "Annotations",
    encoding: str = "utf-8",
    **options: Any,
) -> Draw:
    """Return what draws twelve images, each with the annotation that `write` gives for number, class and mask."""

    def draw(root: Path) -> None:
        for number in range(12):
            pixels, mask = surface(1800 + number, KINDS[number % 2], 40, 60)
            keep(pixels, root / images / f"p{number:03}.jpg", quality=95, **options)
            text = write(number, KINDS[number % 2], mask)
            note(root / labels / f"p{number:03}.xml", text, encoding)

    return draw


def _plain(_: int, kind: str, mask: Any) -> str:
    return xml([(kind, *around(mask))])


def _swapped(number: int, kind: str, mask: Any) -> str:
    corners = around(mask)
    return xml([(kind, *(corners[2:] + corners[:2] if number == 3 else corners))])


def _polygon(_: int, kind: str, mask: Any) -> str:
    points = "<x1>5</x1><y1>6</y1><x2>20</x2><y2>6</y2><x3>10</x3><y3>30</y3>"
    size = "<size><width>60</width><height>40</height></size>"
    return f"<annotation>{size}<object><name>{kind}</name><polygon>{points}</polygon></object></annotation>"


def _chinese(_: int, kind: str, mask: Any) -> str:
    label = kind.replace("scratch", "\u5212\u75d5")
    return '<?xml version="1.0" encoding="GB2312"?>' + xml([(label, *around(mask))])


def _spelled(number: int, kind: str, mask: Any) -> str:
    return xml([(kind if number % 2 else ("Scratch", "scratch", "SCRATCH")[number // 2 % 3], *around(mask))])


def _turned() -> Image.Exif:
    exif = Image.Exif()
    exif[274] = 6
    return exif


FIELD: dict[str, Draw] = {
    "kolektor1": kolektor1,
    "kolektor2": kolektor2,
    "magnetic": magnetic,
    "pairs": pairs,
    "visa": visa,
    "loco": loco,
    "mvtec-several": mvtec_several,
    "yolo-split": yolo_split,
    "yolo-beside": yolo_beside,
    "coco": coco,
    "labelme": labelme,
    "severstal": severstal,
    "gc10": gc10,
    "segmentation": segmentation,
    "voc-swapped": _voc(_swapped),
    "voc-comma": _voc(lambda _, kind, mask: xml([(kind, "10,5", "8,5", "30,5", "28,5")])),
    "voc-polygon": _voc(_polygon),
    "voc-twice-the-size": _voc(lambda _, kind, mask: xml([(kind, *(2 * x for x in around(mask)))], (120, 80))),
    "voc-turned": _voc(_plain, exif=_turned()),
    "voc-outside": _voc(lambda _, kind, mask: xml([(kind, 500, 500, 620, 580)])),
    "voc-labels": _voc(_plain, "images", "labels"),
    "voc-half-done": _voc(lambda number, kind, mask: xml([(kind, *around(mask))] if number < 6 else [])),
    "voc-gb2312": _voc(_chinese, encoding="gb2312"),
    "voc-case": _voc(_spelled),
    "twelve-bit": twelve_bit,
    "hot-pixel": hot_pixel,
    "long": long,
    "jpeg-masks": jpeg_masks,
    "small-defect": small_defect,
}
