"""Draw the photos that the folders beside this file were made from: python tests/old_folders/photos.py FOLDER"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
from PIL import Image

SIDE = 32  # pixels
PER_CLASS = 20


def draw_photos(folder: Path) -> Path:
    """Draw two classes of gray images and return the folder, with the same pixels everywhere and always.

    `RandomState` is used because NumPy promises never to change its stream, which it does not of `default_rng`.
    """
    random = np.random.RandomState(0)
    for label in ("scratch", "stain"):
        (folder / label).mkdir(parents=True)
        for number in range(PER_CLASS):
            noise = random.randint(0, 60, (SIDE, SIDE)) + random.randint(60, 110)
            image = (noise + np.roll(noise, 1, axis=0)) // 2
            row, column = random.randint(4, SIDE - 8, 2)
            if label == "scratch":
                image[:, column : column + 2] += 70
            else:
                image[row : row + 6, column : column + 6] -= 50
            Image.fromarray(image.clip(0, 255).astype(np.uint8)).save(folder / label / f"{number:02d}.png")
    return folder


if __name__ == "__main__":
    draw_photos(Path(sys.argv[1]))
