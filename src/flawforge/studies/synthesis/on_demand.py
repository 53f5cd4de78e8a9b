"""Images of a run one request at a time: the files that `generate` would write, without a folder."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

from flawforge.core.arrays import Floats32
from flawforge.core.progress import SILENT, Progress
from flawforge.runs.checkpoint import BEST, load_weights
from flawforge.runs.folder import Run
from flawforge.runs.set_files import ManifestEntry
from flawforge.studies.synthesis.resume import image_file
from flawforge.studies.synthesis.run import makeable_classes
from flawforge.studies.synthesis.sampler import Sampler, refuse_without_latent
from flawforge.studies.synthesis.writer import FileFormats
from flawforge.training.processes.device import resolve_device

COMPRESSION = 4  # as `generate` has it, so that the files are the same


class ImagesOnDemand:
    """The images of a run's generator by class, seed and number. One thread at a time may ask.

    Attributes:
        classes: that it can make.
        sampler: the network.
        loaded: seconds that loading it took.
    """

    def __init__(
        self,
        run: Run | str | Path,
        checkpoint: str | int = BEST,
        device: str = "auto",
        verb: str = "serve",
        progress: Progress = SILENT,
    ) -> None:
        """Load the network.

        Raises:
            RunNotFoundError: no run, or no checkpoint in it. SettingError: the recipe has no latent. DeviceError: no
            such device.
        """
        started = time.monotonic()
        self.run = run if isinstance(run, Run) else Run.open(run)
        refuse_without_latent(self.run, verb)
        self.classes = makeable_classes(self.run, None)
        weights, tensors = load_weights(self.run, checkpoint, progress)
        self.sampler = Sampler(self.run, weights, resolve_device(device), tensors)
        self._formats = FileFormats(self.run.settings.data, COMPRESSION)
        self._last: tuple[tuple[object, ...], Floats32] | None = None
        self.loaded = time.monotonic() - started

    def pixels(self, label: str, seed: int, first: int, n: int) -> int:
        """Return how many pixels the files of images `first` to `first` + `n` - 1 have together."""
        forms = (self._formats.draw(seed, label, index) for index in range(first, first + n))
        return sum(form.width * form.height for form in forms)

    def files(
        self,
        label: str,
        seed: int,
        first: int,
        n: int,
        truncation: float | None = None,
        go_on: Callable[[], None] = lambda: None,
    ) -> Iterator[tuple[ManifestEntry, bytes]]:
        """Give the files of images `first` to `first` + `n` - 1 of a class, with their lines of a manifest.

        `go_on` is called before each batch and each file: what it raises ends the work.
        """
        size = self.sampler.batch
        for index in range(first, first + n):
            go_on()
            image = self._batch(label, seed, index // size, truncation)[index % size]
            form = self._formats.draw(seed, label, index)
            name, shape = image_file(label, index, "classes"), (form.width, form.height, form.mode)
            entry = ManifestEntry(name, label, seed, index, self.sampler.checkpoint.name, "", *shape)
            data = self._formats.encode(image, form)
            yield replace(entry, sha256=hashlib.sha256(data).hexdigest()), data

    def _batch(self, label: str, seed: int, number: int, truncation: float | None) -> Floats32:
        """Return a batch; the last one is kept, since the next image is mostly in it."""
        key = (label, seed, number, truncation)
        if self._last is None or self._last[0] != key:
            self._last = (key, self.sampler.images(seed, label, number, truncation))
        return self._last[1]
