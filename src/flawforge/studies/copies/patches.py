"""The search for copied patches: does a part of a generated image repeat a part of a training image somewhere else?

Calibrated as the search for whole images is: by the best agreement of real images with training images of other groups,
and tested by copies of patches that are planted into training images.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from functools import cached_property

import numpy as np
from torch import Tensor

from flawforge.core.arrays import Floats32, Ints
from flawforge.core.images import Pixels, resize
from flawforge.core.progress import SILENT, Progress
from flawforge.core.seeds import numpy_stream
from flawforge.data.cache import recall_content, remember_content
from flawforge.data.grouping.keypoints import Keypoints, find_keypoints, flatten
from flawforge.data.threads import in_threads, told_in_threads
from flawforge.metrics.copying import patch_agreement
from flawforge.metrics.copying.calibration import NullScale
from flawforge.metrics.copying.normalised_texture import INVERSE, SYMMETRIES
from flawforge.metrics.copying.patch_agreement import Box, PatchMatch, WhiteSpectra, fine_texture
from flawforge.runs.judged.audits import Alignment, CopiedPatch, Copying
from flawforge.studies.copies.patch_candidates import PatchCandidates
from flawforge.studies.copies.planted import patch_copy
from flawforge.studies.copies.search import PATCH_ALARM, copied, null_scale, outcome_of, spread
from flawforge.studies.sets import MatchedImages

SMALLEST = 96  # pixels of a side; below, a quarter of an image is too small: of steel at 64, none in 40 was flagged
SEARCHED = 256  # generated images that are searched at most, drawn at random
LARGEST = 384**2  # pixels of a middling image; larger ones are reduced to it
KNOWN = 512  # training images that are searched at most, drawn at random
REFERENCE_IMAGES = 96  # of them, spread over the groups, that make the scale
FLOOR = 0.5  # score below which nothing is flagged: two tiles with like grooves reached 0.49
SAME = 0.8  # score from which two training images show the same material, whatever their groups say
PLANTED = 32  # copies of patches that the audit tests itself with
SEARCH = 2  # raise it when a match may come out otherwise: what is remembered counts no more
ROW = np.dtype([("score", "<f8"), ("reference", "<i8"), ("symmetry", "<i8"), ("box", "<i8", 4), ("source", "<i8", 4)])
Reader = Callable[[int], Floats32]  # index to a gray image (H, W), 0..255
Size = tuple[int, int]  # height, width


class PatchSearch:
    """Training images, ready to be searched for the patches of others.

    Attributes:
        rows: training images that are searched.
        set_aside: of those that make the scale, left out, because they plainly show the same as one of another group.
    """

    def __init__(self, read: Reader, groups: Ints, largest: Size, progress: Progress = SILENT) -> None:
        """Take in the training images.

        Args:
            read: gives the gray training image of an index, at the size at which details are compared.
            groups: (N,) group numbers.
            largest: size that no image that is looked at exceeds.
            progress: where to tell how far it is.
        """
        order = numpy_stream(0, "bootstrap", "patches", "known").permutation(len(groups))
        self.rows: Ints = np.sort(order[:KNOWN])
        self.set_aside, self._read, self._groups, self._largest, self._progress = 0, read, groups, largest, progress

    @cached_property
    def _known(self) -> str:
        """SHA-256 of the training images, and of all that decides how they are compared."""
        how = (SEARCH, patch_agreement.WINDOW, patch_agreement.RIM, patch_agreement.JUDGED, self._largest)
        digest = hashlib.sha256(repr(how).encode())
        for image in in_threads(self._read, self.rows.tolist()):
            digest.update(str(image.shape).encode() + image.tobytes())
        return digest.hexdigest()

    @cached_property
    def _prepared(self) -> tuple[WhiteSpectra, PatchCandidates]:
        """The training images, ready; made when an image comes that was not looked at before."""
        rows, title = self.rows.tolist(), "preparing the details of training images"
        made = list(told_in_threads(lambda row: _described(self._read(row)), rows, self._progress, title))
        spectra = WhiteSpectra.of([texture for texture, _ in made], self._largest)
        return spectra, PatchCandidates([points for _, points in made])

    def look(self, image: Floats32, excluded: Ints | None = None) -> PatchMatch:
        """Return the best match of a gray image (H, W); `excluded` are training images that do not count. Indices are
        those of `read`. What was looked at before is remembered by its content.
        """
        left_out = np.flatnonzero(np.isin(self.rows, [] if excluded is None else excluded))
        about = f"{self._known} {image.shape}".encode()
        digest = hashlib.sha256(about + image.tobytes() + left_out.tobytes()).hexdigest()
        kept = recall_content(digest)
        if len(kept) == ROW.itemsize:
            score, reference, symmetry, box, source = np.frombuffer(kept, ROW)[0]
            return PatchMatch(float(score), int(reference), int(symmetry), _as_box(box), _as_box(source))
        spectra, candidates = self._prepared
        texture, points = _described(image)
        found = spectra.match(texture, candidates.likeliest(points, (image.shape[0], image.shape[1]), left_out))
        if found.reference >= 0:
            found = found._replace(reference=int(self.rows[found.reference]))
        remember_content(digest, np.array([tuple(found)], ROW).tobytes())
        return found

    def scale(self) -> NullScale | None:
        """Return the scale: real images against training images of other groups; None with one group."""
        groups = self._groups[self.rows]
        if len(np.unique(groups)) < 2:
            return None
        chosen = self.rows[spread(groups, REFERENCE_IMAGES)]
        scores, title = [], "comparing details of real images for reference"
        for row in self._progress.each(title, chosen.tolist(), "images"):
            scores.append(self.look(self._read(row), self._same(row)).score)
        scale, self.set_aside = null_scale(np.array(scores), self._groups[chosen], SAME)
        return scale

    def recovered(self, threshold: float) -> tuple[int, int]:
        """Return how many copies of patches were planted into training images of other groups, and how many of them
        were found.
        """
        draws, found = numpy_stream(0, "bootstrap", "planted", "patches"), 0
        for number in self._progress.each("looking for planted patches", range(PLANTED), "images"):
            host = int(draws.choice(self.rows))
            source = int(draws.choice(np.flatnonzero(self._groups != self._groups[host])))
            image = patch_copy(self._read(source), self._read(host), number % 4, draws).astype(np.float32)
            match = self.look(image, self._same(host))
            found += match.score >= threshold and self._groups[match.reference] == self._groups[source]
        return PLANTED, int(found)

    def _same(self, row: int) -> Ints:
        return np.flatnonzero(self._groups == self._groups[row])


def find_patches(
    matched: MatchedImages,
    groups: Ints,
    alignments: list[Alignment | None],
    declared: list[Ints],
    progress: Progress,
    *,
    thorough: bool = False,
) -> tuple[Copying | None, list[CopiedPatch | None]]:
    """Search every generated image for patches of training images, and judge the set.

    Args:
        matched: both sides.
        groups: (N,) groups of the training images.
        alignments: of the whole images: those that are copies are not counted again.
        declared: of each generated image, the training images that it is composed of by design: it is compared with
            the others.
        progress: where to tell how far it is.
        thorough: search all images, however many there are.

    Returns:
        The result, None where images are too small or there is one group; and the best match of each generated image,
        None where it was not searched.
    """
    details, total = Details(matched), len(matched.entries)
    if details.smallest < SMALLEST or len(groups) < 2:
        return None, [None] * total
    rows: Ints = np.arange(total)
    if total > SEARCHED and not thorough:
        rows = np.sort(numpy_stream(0, "bootstrap", "patches", "searched").permutation(total)[:SEARCHED])
    count = len(rows)
    search = PatchSearch(details.training, groups, details.largest, progress)
    scale = search.scale()
    if scale is None:
        return None, [None] * total
    matches = []
    for row in progress.each("looking for copied patches", rows.tolist(), "images"):
        matches.append(search.look(details.generated(row), declared[row]))
    scores = np.array([match.score for match in matches])
    p, indices = copied(scale, scores, PATCH_ALARM, FLOOR)
    own = [alignments[row] for row in rows]
    whole = np.array([alignment is not None and alignment.copied for alignment in own])
    flagged = np.isin(np.arange(count), indices) & ~whole
    outcome = outcome_of(scale, scores, int(flagged.sum()), search.recovered, search.set_aside, PATCH_ALARM, FLOOR)
    described: list[CopiedPatch | None] = [None] * total
    for at, (row, match) in enumerate(zip(rows.tolist(), matches, strict=True)):
        if match.reference >= 0:
            described[row] = details.described(row, match, float(p[at]), bool(flagged[at]))
    return outcome, described


class Details:
    """Both sides at the size at which details are compared: where that is large, reduced."""

    def __init__(self, matched: MatchedImages) -> None:
        """Work out the sizes."""
        self.matched = matched
        samples, entries = matched.training.samples, matched.entries
        sizes = [matched.resolution]
        if matched.own_size:
            sizes = [(one.height, one.width) for one in samples] + [(one.height, one.width) for one in entries]
        middling = float(np.median([height * width for height, width in sizes]))
        self._factor = min(1.0, (LARGEST / middling) ** 0.5)
        sizes = [self._reduced(size) for size in sizes]
        self.smallest = min(min(size) for size in sizes)
        self.largest: Size = (max(size[0] for size in sizes), max(size[1] for size in sizes))

    def training(self, index: int) -> Floats32:
        """Return a training image, (H, W) gray levels 0..255."""
        return self.matched.levels(self.picture(self.matched.training.read(index)))

    def generated(self, index: int) -> Floats32:
        """Return a generated image likewise."""
        return self.matched.levels(self.picture(self.matched.read_generated(index)))

    def picture(self, pixels: Pixels) -> Pixels:
        """Return the pixels of any image as its details are compared."""
        detailed = self.matched.detailed(pixels)
        white = self.matched.training.white
        height, width = self._reduced((detailed.shape[0], detailed.shape[1]))
        return np.minimum(resize(detailed, height, width), white).astype(detailed.dtype)

    def described(self, row: int, match: PatchMatch, p: float, copied: bool) -> CopiedPatch:
        """Return what the record says of the match of a generated image."""
        sample, entry = self.matched.training.samples[match.reference], self.matched.entries[row]
        own, theirs = (entry.height, entry.width), (sample.height, sample.width)
        if not self.matched.own_size:
            own = theirs = self.matched.resolution
        return CopiedPatch(
            file=sample.file,
            score=match.score,
            p=p,
            copied=copied,
            symmetry=SYMMETRIES[INVERSE.get(match.symmetry, match.symmetry)],
            box=_percent(match.box, self._reduced(own)),
            source=_percent(match.source, self._reduced(theirs)),
        )

    def _reduced(self, size: Size) -> Size:
        return max(1, round(size[0] * self._factor)), max(1, round(size[1] * self._factor))


def _described(image: Floats32) -> tuple[Tensor, Keypoints]:
    return fine_texture(image), find_keypoints(flatten(image))


def _as_box(values: Ints) -> Box:
    left, top, width, height = values.tolist()
    return left, top, width, height


def _percent(box: Box, size: Size) -> tuple[float, float, float, float]:
    left, top, width, height = box
    across, down = 100 / size[1], 100 / size[0]
    return round(left * across, 2), round(top * down, 2), round(width * across, 2), round(height * down, 2)
