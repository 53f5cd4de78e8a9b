"""The calibrated search for copies: training images, a scale made from them, other images scored against it.

Where there are many training images, those worth aligning with are found by what a network sees in them.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from functools import cached_property

import numpy as np
import torch
from numpy.typing import NDArray
from scipy import special
from torch import Tensor
from torch.nn import functional as F

from flawforge.core.arrays import Floats, Ints
from flawforge.core.progress import SILENT, Progress, Task
from flawforge.core.seeds import numpy_stream
from flawforge.data.cache import recall_content, remember_content
from flawforge.data.threads import in_threads
from flawforge.metrics.copying import copy_score, placement
from flawforge.metrics.copying.calibration import NullScale
from flawforge.metrics.copying.copy_score import BestAlignments, copy_scores
from flawforge.metrics.copying.normalised_texture import INVERSE, apply_symmetry, normalised_textures
from flawforge.metrics.copying.placement import TextureSpectra
from flawforge.metrics.inference.multiple_testing import holm
from flawforge.models.efficientnet import WIDTHS, Backbone, load_backbone
from flawforge.runs.judged.audits import Copying
from flawforge.studies.copies.planted import ALTERATIONS, HEAVY, altered_copy
from flawforge.studies.copies.sentences import audit_verdict

STAGES = (2, 3, 5)
CELLS = 4  # a side of the grid that each stage's map is averaged over
SIZE = 40  # pixels at which the network looks
LENGTH = 1024  # numbers that describe an image, by a random projection of the grids (Johnson & Lindenstrauss 1984)
BATCH = 64
OTHERS = 5  # groups of training images; the likest one is compared with the last of so many
KEPT = 32  # views of training images that an image is aligned with, the likeliest


class CandidateSearch:
    """Training images described under the eight symmetries, so that a mirrored copy finds its source."""

    def __init__(self, device: torch.device) -> None:
        """Load the network."""
        self.backbone: Backbone = load_backbone().to(device)
        self.device = device
        draws = torch.Generator().manual_seed(0)
        length = CELLS**2 * sum(WIDTHS[stage - 1] for stage in STAGES)
        self._projection = (torch.randn(length, LENGTH, generator=draws) / LENGTH**0.5).to(device)
        self._rows: list[Tensor] = []

    def describe(self, grays: Tensor) -> Tensor:
        """Return (N, 1024): the unit-normalised maps of stages 2, 3 and 5 on a 4 x 4 grid, projected.

        Args:
            grays: (N, H, W) gray images, 0..255.
        """
        rows = []
        with torch.inference_mode():
            for start in range(0, len(grays), BATCH):
                images = grays[start : start + BATCH, None].to(self.device).float() / 127.5 - 1
                images = F.interpolate(images, (SIZE, SIZE), mode="bilinear", antialias=True)
                maps = self.backbone.forward_stages(images, max(STAGES))
                cells = [F.adaptive_avg_pool2d(maps[stage - 1], CELLS).flatten(1) for stage in STAGES]
                rows.append(torch.cat([F.normalize(cell) for cell in cells], dim=1) @ self._projection)
        return torch.cat(rows)

    def add(self, grays: Tensor) -> None:
        """Take in training images, as each looks to an image that a symmetry lays onto it."""
        views = [self.describe(apply_symmetry(grays, INVERSE.get(symmetry, symmetry))) for symmetry in range(8)]
        self._rows.append(torch.stack(views, dim=1))

    def distances(self, grays: Tensor) -> Tensor:
        """Return (N, 8 T): how unlike each of the (N, H, W) gray images is to each view."""
        if len(self._rows) > 1:  # joined once, for they are as large as all the images
            self._rows = [torch.cat(self._rows)]
        return torch.cdist(self.describe(grays), self._rows[0].flatten(0, 1))

    def unlikeness(self, grays: Tensor, groups: Ints, forbidden: Sequence[Ints] | None = None) -> Tensor:
        """Return (N,) how unlike each image is to the likest group of training images, as a share of the distance to
        the fifth likest: about 1 where it is like none in particular, and small for copies.

        Args:
            grays: (N, H, W) gray images, 0..255.
            groups: of the training images.
            forbidden: training images that do not count, for each image.
        """
        nearest = self.distances(grays).view(len(grays), -1, 8).amin(2)
        for row, excluded in enumerate(forbidden or ()):
            nearest[row, torch.as_tensor(excluded, device=nearest.device)] = float("inf")
        numbers = torch.from_numpy(np.unique(groups, return_inverse=True)[1]).to(nearest.device).expand_as(nearest)
        apart = nearest.new_full((len(grays), int(numbers.max()) + 1), float("inf"))
        apart = apart.scatter_reduce(1, numbers, nearest, "amin")
        near = apart.topk(min(OTHERS, apart.shape[1]), largest=False).values
        return (near[:, 0] / near[:, -1].clamp_min(1e-9)).nan_to_num(1.0, posinf=1.0)

    def views(self, grays: Tensor, forbidden: Sequence[Ints] | None = None) -> Ints:
        """Return (N, K) views to align each image with, the likeliest first: 8 times the index of a training image,
        plus the symmetry that lays the image onto it; -1 for none.

        Args:
            grays: (N, H, W) gray images, 0..255.
            forbidden: training images that do not count, for each image.
        """
        distance = self.distances(grays)
        for row, excluded in enumerate(forbidden or ()):
            distance[row].view(-1, 8)[torch.as_tensor(excluded, device=distance.device)] = float("inf")
        near = distance.topk(min(KEPT, distance.shape[1]), largest=False)
        found: Ints = near.indices.cpu().numpy()
        found[~np.isfinite(near.values.cpu().numpy())] = -1
        return found


Reader = Callable[[int], NDArray[np.floating]]  # index to a gray image (H, W), 0..255

ALARM = 0.01  # false-alarm rate: chance that a set without copies is said to hold one ...
PATCH_ALARM = 0.001  # ... of which the search for patches, whose copies stand out more, takes so much ...
DEFECT_ALARM = 0.001  # ... that for defects, where there are masks, as much ...
WHOLE_ALARM = ALARM - PATCH_ALARM - DEFECT_ALARM  # ... and this search the rest
IMAGE_RATE = 0.01  # false-alarm rate of `image_threshold`
FLOOR = 0.25  # score below which nothing is flagged: of 2,230 steel and tile images that are no copies none reached it
SPREAD = 0.04  # standard deviation of the scores of those images, rounded up
SAME = 0.4  # score from which two training images show the same material, whatever their groups say ...
SAME_SHARE = 0.1  # ... unless so large a share does: then the data are like that
REFERENCE_IMAGES = 256  # training images, spread over the groups, that make the scale
PLANTED = 32  # altered copies that the audit tests itself with
CONFIDENCE = 0.95  # probability with which a detectable share is detected
BLOCK = 64
SEARCH = 3  # raise it when an alignment may come out otherwise: what is remembered counts no more
ROW = np.dtype([("score", "<f8"), ("index", "<i8"), ("matrix", "<f8", (2, 3)), ("negative", "u1")])


class CopySearch:
    """Training images, ready to be compared with.

    Attributes:
        groups: (N,) group of each training image.
        set_aside: training images that the scale leaves out, because they plainly show the same material as one of
            another group: overlaps that the search for groups has missed would make copies look like chance.
    """

    def __init__(
        self, read: Reader, groups: Ints, device: torch.device | None = None, progress: Progress = SILENT
    ) -> None:
        """Take in the training images.

        Args:
            read: gives the gray training image of an index, at the size that the network was trained at.
            groups: (N,) group numbers.
            device: where to compute.
            progress: where to tell how far it is.
        """
        self.read, self.groups, self.progress = read, groups, progress
        self.device = device or torch.device("cpu")
        self._scale: NullScale | None = None
        self.set_aside = 0

    @cached_property
    def _known(self) -> str:
        """SHA-256 of the training images as they are compared, and of all that decides how."""
        how = (SEARCH, self.device.type, KEPT, placement.POSES, copy_score.HYPOTHESES, copy_score.STEPS)
        digest = hashlib.sha256(repr(how).encode())
        for grays in blocks(self.read, range(len(self.groups))):
            digest.update(grays.numpy().tobytes())
        return digest.hexdigest()

    @cached_property
    def _prepared(self) -> tuple[TextureSpectra, CandidateSearch]:
        """The training images, ready; made when an image comes that was not looked at before."""
        candidate_search = CandidateSearch(self.device)
        parts = []
        with self.progress.task("preparing the training images", len(self.groups), "images") as task:
            for grays in blocks(self.read, range(len(self.groups))):
                parts.append(normalised_textures(grays.to(self.device)))
                candidate_search.add(grays.to(self.device))
                task.advance(len(grays))
        return TextureSpectra.of(torch.cat(parts)), candidate_search

    def look(self, grays: Tensor, excluded: Sequence[Ints] | None = None, task: Task | None = None) -> BestAlignments:
        """Return the best alignment of each gray image (N, H, W); `excluded` are training images that do not count for
        each. What was looked at before is remembered by its content.
        """
        key = self._key("", grays, excluded)
        kept = recall_content(key)
        if len(kept) == len(grays) * ROW.itemsize:
            if task:
                task.advance(len(grays))
            return _unpacked(np.frombuffer(kept, ROW))
        found = self._aligned(grays.to(self.device), excluded, task)
        remember_content(key, _packed(found).tobytes())
        return found

    def unlikeness(self, grays: Tensor, excluded: Sequence[Ints] | None = None) -> Floats:
        """Return (N,) what `CandidateSearch.unlikeness` is of gray images (N, H, W), remembered likewise."""
        key = self._key("unlikeness ", grays, excluded)
        kept = recall_content(key)
        if len(kept) == len(grays) * 8:
            return np.frombuffer(kept, "<f8")
        found: Floats = self._prepared[1].unlikeness(grays, self.groups, excluded).double().cpu().numpy()
        remember_content(key, found.astype("<f8").tobytes())
        return found

    def _key(self, what: str, grays: Tensor, excluded: Sequence[Ints] | None) -> str:
        digest = hashlib.sha256(f"{what}{self._known} {tuple(grays.shape)}".encode() + grays.numpy().tobytes())
        for rows in excluded or ():
            digest.update(b"|" + rows.tobytes())
        return digest.hexdigest()

    def _aligned(self, grays: Tensor, excluded: Sequence[Ints] | None, task: Task | None) -> BestAlignments:
        spectra, candidate_search = self._prepared
        views = candidate_search.views(grays, excluded)
        return copy_scores(normalised_textures(grays), spectra, views, task.advance if task else lambda done: None)

    def scale(self) -> NullScale | None:
        """Return the scale: real images against training images of other groups; None with one group."""
        if len(np.unique(self.groups)) < 2:
            return None
        if self._scale is None:
            chosen = spread(self.groups, REFERENCE_IMAGES)
            found = []
            with self.progress.task("scoring real images for reference", len(chosen), "images") as task:
                for number, grays in enumerate(blocks(self.read, chosen)):
                    own = self.groups[chosen[number * BLOCK :][:BLOCK]]
                    excluded = [np.flatnonzero(self.groups == group) for group in own]
                    found.append(self.look(grays, excluded, task).scores)
            self._scale, self.set_aside = null_scale(np.concatenate(found), self.groups[chosen])
        return self._scale

    def recovered(self, threshold: float, limit: float | None = None) -> tuple[int, int]:
        """Return how many altered copies of training images were planted, and how many of them were found; where only
        images of an unlikeness up to `limit` were looked at, a copy above it was not.
        """
        draws = numpy_stream(0, "bootstrap", "planted")
        kinds = [kind for kind in ALTERATIONS if kind not in (*HEAVY, "exact")]
        chosen = draws.permutation(len(self.groups))[np.arange(PLANTED) % len(self.groups)]
        grays = next(blocks(self.read, chosen, PLANTED)).numpy()
        with self.progress.task("looking for planted copies", PLANTED, "images") as task:
            planted = [
                altered_copy(gray, kinds[row % len(kinds)], grays[row - 1], draws) for row, gray in enumerate(grays)
            ]
            images = torch.from_numpy(np.stack(planted))
            found = self.look(images, None, task)
        hits = (found.scores >= threshold) & (found.indices == chosen)
        if limit is not None:
            hits &= self.unlikeness(images) <= limit
        return PLANTED, int(hits.sum())


def _packed(found: BestAlignments) -> NDArray[np.void]:
    out = np.zeros(len(found.scores), ROW)
    out["score"], out["index"], out["matrix"], out["negative"] = found
    return out


def _unpacked(rows: NDArray[np.void]) -> BestAlignments:
    return BestAlignments(
        rows["score"].copy(), rows["index"].copy(), rows["matrix"].copy(), rows["negative"].astype(bool)
    )


def null_scale(scores: Floats, groups: Ints, same_from: float = SAME, known: float = SPREAD) -> tuple[NullScale, int]:
    """Return the scale from (N,) scores of real images and their groups, and how many it leaves out (`set_aside`):
    those from `same_from`, if they are few. `known` is the spread of such scores in other data.
    """
    same = scores >= same_from
    kept = ~same if same.mean() <= SAME_SHARE else np.ones(len(scores), dtype=bool)
    return NullScale.of(scores[kept], groups[kept], known), int((~kept).sum())


def blocks(read: Reader, indices: range | Ints, size: int = BLOCK) -> Iterator[Tensor]:
    """Give (n, H, W) float32 gray images, `size` at a time."""
    rows = np.asarray(indices).tolist()
    for start in range(0, len(rows), size):
        yield torch.from_numpy(np.stack(list(in_threads(read, rows[start : start + size]))).astype(np.float32))


def spread(groups: Ints, most: int) -> Ints:
    """Return at most `most` indices, ascending, from as many different groups as there are: first one of each."""
    order = numpy_stream(0, "bootstrap", "scale").permutation(len(groups))
    seen: Counter[int] = Counter()
    rounds = []
    for group in groups[order].tolist():
        rounds.append(seen[group])
        seen[group] += 1
    return np.sort(order[np.argsort(rounds, kind="stable")[:most]])


def copied(scale: NullScale, scores: Floats, rate: float = WHOLE_ALARM, floor: float = FLOOR) -> tuple[Floats, Ints]:
    """Return the p-values, and the indices of the images called copies: at most `rate` chance of any false one.

    Beside the tail's p-value, a copy must exceed every score of the scale, and reach `floor`: a tail that is fitted to
    20 images cannot know of the rare pair that is alike without being a copy.
    """
    p = scale.tail(scores)
    return p, np.flatnonzero((holm(p) <= rate) & (scores > scale.scores[-1]) & (scores >= floor))


def lowest_copy(scale: NullScale, count: int, rate: float = WHOLE_ALARM, floor: float = FLOOR) -> float:
    """Return the lowest score that is called a copy when it is the only one among `count`; infinite when none is."""
    return max(scale.threshold(rate / count), float(np.nextafter(scale.scores[-1], np.inf)), floor)


def outcome_of(
    scale: NullScale | None,
    scores: Floats,
    found: int,
    self_test: Callable[[float], tuple[int, int]],
    set_aside: int,
    rate: float = WHOLE_ALARM,
    floor: float = FLOOR,
    *,
    of: int | None = None,
) -> Copying:
    """Return what the record says of a search.

    Args:
        scale: what the scores are judged by; None where there is one group.
        scores: of the generated images that were looked at.
        found: generated images that are called copies.
        self_test: gives how many copies were planted, and how many of them reach a threshold.
        set_aside: real images that the scale leaves out.
        rate, floor: as of `copied`.
        of: generated images that `found` speaks of; None: as many as have a score.
    """
    count = len(scores) if of is None else of
    threshold = image_threshold = float("inf")
    planted = recovered = 0
    if scale is not None:
        threshold, image_threshold = lowest_copy(scale, count, rate, floor), scale.threshold(IMAGE_RATE)
        planted, recovered = self_test(threshold)
    share, groups = detectable(count, planted, recovered), scale.groups if scale is not None else 1
    return Copying(
        verdict=audit_verdict(count, found, groups, share, recovered / max(planted, 1)),
        found=found,
        alarm_rate=rate,
        threshold=threshold if np.isfinite(threshold) else None,
        image_threshold=image_threshold if np.isfinite(image_threshold) else None,
        real=scale.scores.tolist() if scale is not None else [],
        generated=scores.tolist(),
        of=of,
        groups=groups,
        set_aside=set_aside,
        planted=planted,
        recovered=recovered,
        detectable=share,
    )


def detectable(n: int, planted: int, recovered: int) -> float | None:
    """Return the share of copies that would show at least one with 95 % probability among n images; None when none.

    ``(1 - 0.05 ** (1 / n)) / r``, r the lower 95 % bound (Clopper & Pearson 1934) of the recall on planted copies.
    """
    if recovered == 0:
        return None
    recall = float(special.betaincinv(recovered, planted - recovered + 1, 1 - CONFIDENCE))
    share = (1 - (1 - CONFIDENCE) ** (1 / n)) / recall
    return share if share <= 1 else None
