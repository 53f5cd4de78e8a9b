"""Real images and planted copies of them, scored against any choice of training images, each pair compared once.

The copy score of an image is that of `flawforge.studies.copies.search.CopySearch`. How well two images fit does not
depend on which others are training images, so over hundreds of splits of the same images it is worked out once and
kept; what depends on the split (which fits are the best, the scale) is done for each.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

import flawforge.metrics
from flawforge.metrics.copying.alignment import align, margin
from flawforge.metrics.copying.copy_score import HYPOTHESES, JUDGED
from flawforge.metrics.copying.normalised_texture import apply_symmetry, normalised_textures
from flawforge.metrics.copying.placement import Fits, TextureSpectra, best_placements, fits
from flawforge.studies.copies.search import EVERY, KEPT, CandidateSearch

Ints = NDArray[np.int64]
Pixels = NDArray[np.uint8]
Key = tuple[int, int, int]  # query, training image, symmetry
TOGETHER = 96  # placements refined at a time
CODE = ("alignment", "copying", "placement", "relief")  # of metrics: what the kept numbers depend on


class Pool:
    """P real images, and queries: the real images first, then any others."""

    def __init__(self, real: Pixels, others: Pixels) -> None:
        """Take in (P, H, W) real images and (Q - P, H, W) others."""
        self.count = len(real)
        self.images = np.concatenate([real, others])
        grays = torch.from_numpy(self.images).float()
        self.queries = normalised_textures(grays)
        self.spectra = TextureSpectra.of(self.queries[: self.count])
        self.values = np.full((len(grays), self.count, 8), np.nan, dtype=np.float32)
        self.how = np.zeros((len(grays), self.count, 8, 4), dtype=np.int8)
        self.aligned: dict[Key, tuple[float, torch.Tensor, float]] = {}  # agreement, map, sign
        self.scores: dict[Key, float] = {}
        self._grays = grays
        self._apart: NDArray[np.float32] | None = None

    def score(self, queries: Iterable[int], training: Ints) -> NDArray[np.float64]:
        """Return the copy score of each query against training images; an image is not compared with itself."""
        placed = {query: self._place(query, training) for query in queries}
        self._align([key for keys in placed.values() for key in keys])
        best = {query: sorted(keys, key=lambda key: -self.aligned[key][0])[:JUDGED] for query, keys in placed.items()}
        self._judge([key for keys in best.values() for key in keys])
        return np.array([max(self.scores[key] for key in keys) for keys in best.values()])

    def _place(self, query: int, training: Ints) -> list[Key]:
        candidates = training[training != query]
        if len(training) > EVERY:
            candidates = candidates[np.argsort(self._distances()[query, candidates], kind="stable")[:KEPT]]
        new = candidates[np.isnan(self.values[query, candidates, 0])]
        with torch.inference_mode():
            if len(new):
                found = fits(self.queries[query], self.spectra, torch.from_numpy(new))
                self.values[query, new], self.how[query, new] = found.values.numpy(), found.how.numpy()
            values = torch.from_numpy(self.values[query, candidates])
            order = values.flatten().topk(min(HYPOTHESES, values.numel())).indices
            return [(query, int(candidates[at // 8]), int(at % 8)) for at in order.tolist()]

    def _align(self, keys: list[Key]) -> None:
        new = [key for key in keys if key not in self.aligned]
        with torch.inference_mode():
            for part in (new[start : start + TOGETHER] for start in range(0, len(new), TOGETHER)):
                maps, signs = zip(*(self._placement(key) for key in part), strict=True)
                shown = self.queries[[key[0] for key in part]] * torch.tensor(signs)[:, None, None]
                agreed, refined = align(shown, self.queries[[key[1] for key in part]], torch.stack(maps))
                for key, agreement, matrix, sign in zip(part, agreed.tolist(), refined, signs, strict=True):
                    self.aligned[key] = agreement, matrix, sign

    def _placement(self, key: Key) -> tuple[torch.Tensor, float]:
        query, real, symmetry = key
        values = torch.full((1, 8), -1.0)
        values[0, symmetry] = 1.0
        found = best_placements(
            Fits(values, torch.from_numpy(self.how[query, [real]]).float()), torch.tensor([real]), 1
        )
        return found.matrices[0], float(found.signs[0])

    def _judge(self, keys: list[Key]) -> None:
        new = [key for key in keys if key not in self.scores]
        with torch.inference_mode():
            for part in (new[start : start + TOGETHER] for start in range(0, len(new), TOGETHER)):
                signs = torch.tensor([self.aligned[key][2] for key in part])
                shown = self.queries[[key[0] for key in part]] * signs[:, None, None]
                maps = torch.stack([self.aligned[key][1] for key in part])
                found = margin(shown, self.queries[[key[1] for key in part]], maps)
                self.scores.update(zip(part, found.tolist(), strict=True))

    def _distances(self) -> NDArray[np.float32]:
        """Return (Q, P): how unlike each query is to each real image under the best of the eight symmetries."""
        if self._apart is None:
            retrieval = CandidateSearch(torch.device("cpu"))
            described = retrieval.describe(self._grays)
            parts = []
            for symmetry in range(8):
                views = retrieval.describe(apply_symmetry(self._grays[: self.count], symmetry))
                parts.append(torch.cdist(described, views))
            self._apart = torch.stack(parts).amin(0).numpy()
        return self._apart

    def save(self, folder: Path) -> None:
        """Keep what has been worked out, under a name made of the images and the code."""
        folder.mkdir(parents=True, exist_ok=True)
        keys = list(self.aligned)
        arrays: dict[str, Any] = {
            "values": self.values,
            "how": self.how,
            "apart": self._apart if self._apart is not None else np.zeros(0, dtype=np.float32),
            "keys": np.array(keys, dtype=np.int32).reshape(-1, 3),
            "agreed": np.array([self.aligned[key][0] for key in keys]),
            "maps": torch.stack([self.aligned[key][1] for key in keys]).numpy() if keys else np.zeros((0, 2, 3)),
            "signs": np.array([self.aligned[key][2] for key in keys]),
            "scores": np.array([self.scores.get(key, np.nan) for key in keys]),
        }
        aside = folder / f"{self.name()}.part.npz"
        np.savez(aside, **arrays)
        aside.replace(folder / f"{self.name()}.npz")

    def load(self, folder: Path) -> None:
        """Take what was kept, if anything was."""
        file = folder / f"{self.name()}.npz"
        if not file.is_file():
            return
        with np.load(file, allow_pickle=False) as kept:
            self.values, self.how = kept["values"], kept["how"]
            self._apart = kept["apart"] if kept["apart"].size else None
            keys = [(int(q), int(r), int(s)) for q, r, s in kept["keys"]]
            maps = torch.from_numpy(kept["maps"]).float()
            rows = zip(keys, kept["agreed"].tolist(), maps, kept["signs"].tolist(), strict=True)
            self.aligned = {key: (agreed, matrix, sign) for key, agreed, matrix, sign in rows}
            known = zip(keys, kept["scores"].tolist(), strict=True)
            self.scores = {key: score for key, score in known if score == score}

    def name(self) -> str:
        """Return the hash of the images and of the code that compares them."""
        digest = hashlib.sha256(self.images.tobytes())
        home = Path(str(flawforge.metrics.__file__)).parent
        for module in CODE:
            digest.update((home / f"{module}.py").read_bytes())
        return digest.hexdigest()[:16]
