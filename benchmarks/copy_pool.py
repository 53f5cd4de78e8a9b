"""Real images and planted copies of them, scored against any choice of training images, each pair compared once.

The copy score of an image is that of `flawforge.studies.copies.search.CopySearch`. How well two images fit does not
depend on which others are training images, so over hundreds of splits of the same images it is worked out once and
kept; what depends on the split (which fits are the best, the scale) is done for each.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn import functional as F

import flawforge.metrics.copying
from flawforge.metrics.copying.alignment import align, margin
from flawforge.metrics.copying.copy_score import FINE, HYPOTHESES, JUDGED, STEPS
from flawforge.metrics.copying.normalised_texture import normalised_textures
from flawforge.metrics.copying.placement import GRID, TextureSpectra, best_placements, fits
from flawforge.studies.copies.search import KEPT, CandidateSearch

Ints = NDArray[np.int64]
Pixels = NDArray[np.uint8]
Key = tuple[int, int]  # query, view of a training image
TOGETHER = 96  # placements refined at a time


class Pool:
    """P real images, and queries: the real images first, then any others."""

    def __init__(self, real: Pixels, others: Pixels) -> None:
        """Take in (P, H, W) real images and (Q - P, H, W) others."""
        self.count = len(real)
        self.images = np.concatenate([real, others])
        self.queries = normalised_textures(torch.from_numpy(self.images).float())
        self.spectra = TextureSpectra.of(self.queries[: self.count])
        self.values = np.full((len(self.images), 8 * self.count), np.nan, dtype=np.float32)
        self.how = np.zeros((*self.values.shape, 4), dtype=np.int8)
        self.compared: dict[Key, list[float]] = {}  # coarse and fine agreement, score
        self.apart = np.zeros((0, 0), dtype=np.float32)

    def score(self, queries: Iterable[int], training: Ints) -> NDArray[np.float64]:
        """Return the copy score of each query against training images; an image is not compared with itself."""
        placed = {query: self._place(query, training) for query in queries}
        self._compare([(query, view) for query, views in placed.items() for view in views])
        out = []
        for query, views in placed.items():
            found = sorted((self.compared[query, view] for view in views), key=lambda one: -one[0])[:FINE]
            out.append(max(score for *_, score in sorted(found, key=lambda one: -one[1])[:JUDGED]))
        return np.array(out)

    def _place(self, query: int, training: Ints) -> list[int]:
        """Return the views of training images that are refined."""
        others = training[training != query]
        views = (others[:, None] * 8 + np.arange(8)).ravel()
        views = views[np.argsort(self._distances()[query, views], kind="stable")[:KEPT]]
        new = views[np.isnan(self.values[query, views])]
        if len(new):
            with torch.inference_mode():
                found = fits(self.queries[query][None], self.spectra, torch.from_numpy(new)[None])
            self.values[query, new], self.how[query, new] = found.values[0].numpy(), found.how[0].numpy()
        order = torch.from_numpy(self.values[query, views]).topk(min(HYPOTHESES, len(views))).indices
        return [int(views[at]) for at in order]

    def _compare(self, keys: list[Key]) -> None:
        new = [key for key in keys if key not in self.compared]
        for start in range(0, len(new), TOGETHER):
            part = new[start : start + TOGETHER]
            queries, views = (torch.tensor(column) for column in zip(*part, strict=True))
            how = torch.from_numpy(self.how[queries.numpy(), views.numpy()]).float()
            found = [
                best_placements(torch.ones(1), *row, 1)
                for row in zip(torch.split(how, 1), torch.split(views, 1), strict=True)
            ]
            indices, maps, signs = (torch.cat(column) for column in zip(*found, strict=True))
            shown, onto = self.queries[queries] * signs[:, None, None], self.queries[indices]
            with torch.inference_mode():
                small, under = (F.adaptive_avg_pool2d(images, GRID) for images in (shown, onto))
                coarse, maps = align(small, under, maps, STEPS[0])
                fine, maps = align(shown, onto, maps, STEPS[1])
                scores = margin(shown, onto, maps)
            rows = zip(part, coarse.tolist(), fine.tolist(), scores.tolist(), strict=True)
            self.compared.update((key, numbers) for key, *numbers in rows)

    def _distances(self) -> NDArray[np.float32]:
        """Return (Q, 8 P): how unlike each query is to each view of a real image."""
        if not len(self.apart):
            search = CandidateSearch(torch.device("cpu"))
            grays = torch.from_numpy(self.images).float()
            search.add(grays[: self.count])
            self.apart = search.distances(grays).numpy()
        return self.apart

    def save(self, folder: Path) -> None:
        """Keep what has been worked out, under a name made of the images and the code."""
        folder.mkdir(parents=True, exist_ok=True)
        keys, compared = np.array(list(self.compared), dtype=np.int32), np.array(list(self.compared.values()))
        aside = folder / f"{self.name()}.part.npz"
        np.savez(aside, values=self.values, how=self.how, apart=self.apart, keys=keys, compared=compared)
        aside.replace(folder / f"{self.name()}.npz")

    def load(self, folder: Path) -> None:
        """Take what was kept, if anything was."""
        file = folder / f"{self.name()}.npz"
        if not file.is_file():
            return
        with np.load(file, allow_pickle=False) as kept:
            self.values, self.how, self.apart = kept["values"], kept["how"], kept["apart"]
            rows = zip(kept["keys"].tolist(), kept["compared"].tolist(), strict=True)
            self.compared = {(query, view): numbers for (query, view), numbers in rows}

    def name(self) -> str:
        """Return the hash of the images and of the code that compares them."""
        digest = hashlib.sha256(self.images.tobytes())
        for module in sorted(Path(str(flawforge.metrics.copying.__file__)).parent.glob("*.py")):
            digest.update(module.read_bytes())
        return digest.hexdigest()[:16]
