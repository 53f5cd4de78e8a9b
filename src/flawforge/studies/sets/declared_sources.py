"""Declared reuse: the training images that a composed image is made of by design, which are no evidence of copying."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from flawforge.core.arrays import Ints
from flawforge.core.progress import Progress
from flawforge.data.dataset import Dataset
from flawforge.runs.folder import Run
from flawforge.studies.sets.held_out import training_rows


class DeclaredSources:
    """Finds the declared sources of images among the training images.

    Args:
        run: that made them.
        whole: all images of the place that its training images come from.
        training: all images that it has learnt from or shows something of, as `find_training` returns them.
        groups: (N,) their groups.
        progress: where to tell how far it is.
    """

    def __init__(self, run: Run, whole: Dataset, training: Dataset, groups: Ints, progress: Progress) -> None:
        part, rows = training_rows(run, whole, progress)
        self._contents = {part.samples[row].file: part.samples[row].sha256 for row in rows}
        self._known = np.array([sample.sha256 for sample in training.samples])
        self._groups = groups

    def rows(self, files: Sequence[str], grounds: Sequence[str] = ()) -> Ints:
        """Return the training images of the specimens that these files show, or images with these SHA-256 (grounds of
        placed defects); unknown ones are passed over.
        """
        contents = [self._contents[file] for file in files if file in self._contents] + list(grounds)
        groups = self._groups[np.isin(self._known, contents)]
        found: Ints = np.flatnonzero(np.isin(self._groups, groups))
        return found
