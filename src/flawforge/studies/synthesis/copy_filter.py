"""CopyFilter: which images of a batch, fresh from the generator, are no copies of training images?"""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch

from flawforge.core.arrays import Bools, Floats32
from flawforge.core.errors import DataUnusableError
from flawforge.core.images import to_gray, to_pixels
from flawforge.core.progress import Progress
from flawforge.data.dataset import Dataset
from flawforge.metrics.copying.calibration import LEAST_GROUPS
from flawforge.runs.folder import Run
from flawforge.studies.copies import IMAGE_RATE, CopySearch
from flawforge.studies.sets import DeclaredSources, find_training, load_whole

DROPPED_PER_IMAGE = 20  # images dropped for each one that is wanted, at most; then the generator only copies
ALWAYS_ALLOWED = 200  # images that may be dropped in any case


class CopyFilter:
    """The search for copies, with the score from which an image is dropped.

    Attributes:
        threshold: copy score that an image which is no copy exceeds with probability 0.01: so many good images are
            dropped too.
    """

    def __init__(self, run: Run, data: Dataset | str | Path | None, device: torch.device, progress: Progress) -> None:
        """Take in the run's training images, and calibrate.

        Raises:
            DataNotFoundError, DataUnusableError: they are gone or changed, or show too few specimens.
        """
        whole = load_whole(run, data, progress)
        training = find_training(run, whole, progress)
        groups = training.groups(progress)
        recipe = run.recipe
        pixels, white = training.pixels(recipe.resolution, 1, progress), training.white
        search = CopySearch(lambda index: pixels[index] * (255 / white), groups, device, progress)
        scale = search.scale()
        if scale is None or scale.groups < LEAST_GROUPS:
            raise DataUnusableError(
                f"--novel needs to know how alike images of different specimens are, and the training images show only "
                f"{len(np.unique(groups))} specimens (at least {LEAST_GROUPS} are needed). Leave --novel out, and "
                f"compare the nearest pairs by eye: flawforge audit {shlex.quote(str(run.path))}"
            )
        self._search, self.threshold = search, scale.threshold(IMAGE_RATE)
        self._declared = DeclaredSources(run, whole, training, groups, progress)

    def novel(
        self,
        images: Floats32,
        sources: Sequence[Sequence[str]] | None = None,
        grounds: Sequence[Sequence[str]] | None = None,
    ) -> Bools:
        """Return (N,) whether each image (N, C, H, W) in [-1, 1] is no copy.

        Args:
            images: at the resolution at which images are compared.
            sources: of each, the files of the training images that it is composed of by design: it is compared with
                the others. None: they are not composed.
            grounds: likewise, the SHA-256 of images that defects were put on.
        """
        pixels = to_pixels(images.transpose(0, 2, 3, 1))
        grays = to_gray(pixels) if pixels.shape[-1] == 3 else pixels[..., 0]
        excluded = None
        if sources is not None:
            pairs = zip(sources, grounds or [()] * len(sources), strict=True)
            excluded = [self._declared.rows(files, contents) for files, contents in pairs]
        scores = self._search.look(torch.from_numpy(grays.astype(np.float32)), excluded).scores
        return np.asarray(scores < self.threshold)


def check_yield(label: str, kept: int, dropped: int) -> None:
    """Raise when a generator makes hardly anything but copies.

    Raises:
        DataUnusableError: it does.
    """
    if dropped > ALWAYS_ALLOWED + DROPPED_PER_IMAGE * kept:
        raise DataUnusableError(
            f"{dropped} of the first {dropped + kept} images of class '{label}' are copies of training images: the "
            f"generator has memorised them, and --novel would take too long. Train on more images, or for less time."
        )
