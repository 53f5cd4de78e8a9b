"""The score at full size: what whole images at the network's resolution do not show.

Patches at native scale, their spectrum and gray levels, each beside real against real; and whether images repeat a part
of themselves or have a seam, as real ones do not.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from scipy import special

from flawforge.core.arrays import Floats32, Ints
from flawforge.core.images import Pixels, in_channels, stacked_planes, to_unit
from flawforge.core.progress import Progress
from flawforge.core.seeds import numpy_stream
from flawforge.data.threads import told_in_threads
from flawforge.metrics.copying.calibration import NullScale
from flawforge.metrics.copying.patch_agreement import WhiteSpectra, fine_texture
from flawforge.metrics.fidelity.histogram import brightness_difference, gray_histograms
from flawforge.metrics.fidelity.seams import find_seam, seam_profile
from flawforge.metrics.fidelity.separability import FOLDS, halves_apart, separability
from flawforge.metrics.fidelity.spectrum import fine_difference, radial_spectra
from flawforge.models.extractors import Extractor
from flawforge.runs.judged.scores import Artefacts, FullSize, MeasuredQuantity, Number
from flawforge.runs.set_files import ManifestEntry
from flawforge.studies.realism.comparison import ComparedSets, compare_sets, draw_halves
from flawforge.studies.realism.descriptors import DescribedImages, RememberedFeatures
from flawforge.studies.realism.native_patches import (
    SIDE,
    DescribedPatches,
    PatchKid,
    cut_patches,
    describe_patches,
    patch_kid,
)
from flawforge.studies.realism.sentences import brightness_fault, full_size_sentence, texture_fault
from flawforge.studies.realism.subsets import ENOUGH_GROUPS, ENOUGH_IMAGES, draw_rows, in_turns
from flawforge.studies.sets import MatchedImages

IMAGES = 64  # of each side, at most
PATCHES = 4  # of an image
SMALLEST = 32  # pixels of a side; below, nothing is measured
LARGEST = 1024  # pixels of a side that repeats and seams are looked for in, from the top left
RATE = 0.01  # of real images that repeat themselves as much as the limit says
ALARM = 0.005  # chance that a repeat, or a seam, is said of images that have none: together 1 %
LEAST = 0.5  # score below which no part counts as repeated
SPREAD = 0.04  # standard deviation of such scores in other data


@dataclass(frozen=True)
class FullSizeImages:
    """Images at the size of their files: `read(i)` gives (H, W) or (H, W, 3), 0 to `white`, for each of `groups`;
    `middle(i)` the row and column about which it is cut where only a part is shown, None: its own middle.
    """

    read: Callable[[int], Pixels]
    groups: Ints
    white: int
    middle: Callable[[int], tuple[int, int]] | None = None

    def pictures(self, title: str, progress: Progress) -> list[Pixels]:
        """Read all of them."""
        return list(told_in_threads(self.read, range(len(self.groups)), progress, title))


def of_rows(matched: MatchedImages, rows: Ints, groups: Ints, *, generated: bool) -> FullSizeImages:
    """Return real or generated images of a set as they are stored.

    Args:
        matched: both; its training images are the real ones.
        rows: (N,) of them.
        groups: (N,) group numbers.
        generated: which side.
    """
    source = matched.read_generated if generated else matched.training.read

    def read(index: int) -> Pixels:
        return in_channels(matched.stored(source(int(rows[index]))), matched.network_channels)

    return FullSizeImages(read, groups, matched.training.white)


def draw_images(
    matched: MatchedImages, reference: Ints, groups: Ints, generated: Ints, seed: int
) -> tuple[FullSizeImages, FullSizeImages]:
    """Draw the real and the generated images that are compared, up to 64 of each.

    Args:
        matched: both sides.
        reference: rows of the real images.
        groups: (R,) their groups.
        generated: rows of the generated ones.
        seed: of the draw.
    """
    rng = numpy_stream(seed, "bootstrap", "full size")
    chosen = draw_rows(np.arange(len(reference)), groups, IMAGES, rng)
    surfaces = grounds_of(matched.entries)
    made = np.sort(in_turns(generated, surfaces, rng)[:IMAGES])
    real = of_rows(matched, reference[chosen], groups[chosen], generated=False)
    return real, of_rows(matched, made, surfaces[made], generated=True)


def grounds_of(entries: Sequence[ManifestEntry]) -> Ints:
    """Return (N,) which generated images show the same ground, or are there twice: outside of what was placed they are
    equal.
    """
    shown = [one.ground_sha256 or one.sha256 or f"{number} alone" for number, one in enumerate(entries)]
    found: Ints = np.unique(shown, return_inverse=True)[1].astype(np.int64)
    return found


def measure_full_size(
    real: FullSizeImages, generated: FullSizeImages, extractor: Extractor, seed: int, progress: Progress
) -> FullSize | None:
    """Compare images at their own size.

    Args:
        real: of at least 12 groups.
        generated: at least 12.
        extractor: of the patches' features.
        seed: of patches and halves.
        progress: where to tell how far it is.

    Returns:
        The numbers; None where there are too few images, or too small ones.
    """
    if len(np.unique(real.groups)) < ENOUGH_GROUPS or len(generated.groups) < ENOUGH_IMAGES:
        return None
    pictures = [
        side.pictures(f"reading {name} images at full size", progress)
        for side, name in ((real, "real"), (generated, "generated"))
    ]
    smallest = min(min(image.shape[:2]) for side in pictures for image in side)
    if smallest < SMALLEST:
        return None
    side, (of_real, of_generated) = min(SIDE, smallest), pictures
    remembered = RememberedFeatures(extractor)
    with progress.task("comparing at full size", 3, "parts") as task:
        patches = [
            describe_patches(
                images, remembered, own.groups, white=own.white, side=side, count=PATCHES, seed=seed + number
            )
            for number, (images, own) in enumerate(zip(pictures, (real, generated), strict=True))
        ]
        distance = patch_kid(patches[0], patches[1], seed)
        task.advance()
        described = [
            _described(images, own, side, seed) for images, own in zip(pictures, (real, generated), strict=True)
        ]
        told_apart = _told_apart(patches, real.groups, generated.groups, seed)
        quantities = [_distance(distance, described), *_compared(described, seed), *told_apart]
        task.advance()
        artefacts = find_artefacts(of_real, of_generated, real.groups, real.white, generated.groups)
        task.advance()
    faults = {
        "patch_spectrum": texture_fault(fine_difference(described[0].spectra, described[1].spectra)),
        "patch_histogram": brightness_fault(brightness_difference(described[0].histograms, described[1].histograms)),
    }
    if not quantities[0].outside:
        faults |= {one.name: f"a classifier tells them apart (AUC {one.generated.value:.3f})" for one in told_apart}
    found = [faults[one.name] for one in quantities if one.outside and one.name in faults]
    return FullSize(
        side=side,
        n_generated=len(of_generated),
        n_reference=len(of_real),
        quantities=quantities,
        **artefacts.model_dump(),
        sentence=full_size_sentence(
            side,
            quantities[0],
            found,
            len(of_generated),
            artefacts.repeating if artefacts.repeats_found else 0,
            artefacts.seam,
        ),
    )


def find_artefacts(
    real: list[Pixels], generated: list[Pixels], groups: Ints, white: int, other_groups: Ints | None = None
) -> Artefacts:
    """Look for parts that images repeat within themselves, and for seams, as real images have none.

    Args:
        real: (H, W) or (H, W, 3) images of any sizes.
        generated: likewise.
        groups: of the real ones.
        white: the white level of both.
        other_groups: of the generated ones; None: each is its own.
    """
    grays = [_grays(side, white) for side in (real, generated)]
    largest = [max(image.shape[axis] for side in grays for image in side) for axis in (0, 1)]
    textures = [[fine_texture(image) for image in side] for side in grays]
    spectra = WhiteSpectra.of(textures[0], (largest[0], largest[1]))
    own, made = (np.array([spectra.repeat(texture).score for texture in side]) for side in textures)
    limit = max(LEAST, NullScale.of(own, groups, SPREAD).threshold(RATE))
    repeating = int((made >= limit).sum())
    height, width = (min(image.shape[axis] for side in grays for image in side) for axis in (0, 1))
    profiles = [[seam_profile(image, height, width) for image in side] for side in grays]
    seam = find_seam(profiles[0], groups, profiles[1], height, other_groups)
    where = "" if seam is None else f"{seam.at} pixels from the {'top' if seam.axis == 'row' else 'left'}"
    return Artefacts(
        repeating=repeating,
        repeat_limit=limit if np.isfinite(limit) else None,
        repeat_scores=made.round(4).tolist(),
        repeats_found=bool(repeating > 1 and special.bdtrc(repeating - 1, len(generated), RATE) <= ALARM),
        seam=where if seam is not None and seam.p <= ALARM else "",
        seam_p=None if seam is None else seam.p,
    )


def _described(images: list[Pixels], own: FullSizeImages, side: int, seed: int) -> DescribedImages:
    """Return spectra, the mean over patches, and gray levels of the whole image; no features."""
    spectra, histograms = [], []
    for number, image in enumerate(images):
        rng = numpy_stream(seed, "bootstrap", "patches", "spectra", number)
        patches = np.stack(cut_patches(image, side, PATCHES, rng))
        spectra.append(radial_spectra(_planes(patches, own.white)).mean(axis=0))
        histograms.append(gray_histograms(_planes(image[None], own.white))[0])
    keys = tuple(map(str, range(len(images))))
    return DescribedImages(np.zeros((len(images), 1)), np.stack(spectra), np.stack(histograms), own.groups, keys)


def _planes(images: Pixels, white: int) -> torch.Tensor:
    return torch.from_numpy(to_unit(np.ascontiguousarray(stacked_planes(images)), white))


def _distance(found: PatchKid, described: list[DescribedImages]) -> MeasuredQuantity:
    n, groups = len(described[1]), len(np.unique(described[0].groups))
    return MeasuredQuantity(
        name="patch_kid",
        label="Kernel distance of patches (KID)",
        unit="",
        better="lower",
        meaning="how far apart patches at native scale are; 0 means no difference",
        generated=Number(value=found.value, low=None, high=None, n=n, groups=groups),
        real=Number(value=found.real, low=found.low, high=found.high, n=n, groups=groups),
        classical=Number(value=None, low=None, high=None, n=0, groups=0),
        outside=found.value > found.high,
    )


def _told_apart(patches: list[DescribedPatches], groups: Ints, grounds: Ints, seed: int) -> list[MeasuredQuantity]:
    """Return how well a classifier on the mean features of an image's patches tells real from generated; [] where the
    generated images show fewer grounds than there are folds: it would know these again.
    """
    if len(np.unique(grounds)) < FOLDS:
        return []
    real, generated = (own.features.reshape(-1, PATCHES, own.features.shape[1]).mean(axis=1) for own in patches)
    found = separability(real, generated, groups, seed, other_groups=grounds)
    scale = halves_apart(real, groups, seed)
    n, count = len(generated), len(np.unique(groups))
    return [
        MeasuredQuantity(
            name="classifier_auc",
            label="AUC of a classifier",
            unit="",
            better="lower",
            meaning="how often a cross-validated classifier rates a generated image above a real one as generated; "
            "0.5 is chance, 1 always",
            generated=Number(value=found.value, low=found.low, high=found.high, n=n, groups=count),
            real=Number(value=scale.value, low=scale.low, high=scale.high, n=len(real), groups=count),
            classical=Number(value=None, low=None, high=None, n=0, groups=0),
            outside=found.low > 0.5,
        )
    ]


def _compared(described: list[DescribedImages], seed: int) -> list[MeasuredQuantity]:
    real, generated = described
    none = real.take(np.zeros(0, np.int64))
    sets = ComparedSets(real, np.zeros(len(real), np.int64), generated, none, disjoint=True)
    measured = compare_sets(sets, draw_halves(sets, seed), seed, ("spectrum", "histogram"))
    return [
        one.model_copy(update={"name": f"patch_{one.name}", "label": f"{one.title} at full size"}) for one in measured
    ]


def _grays(images: list[Pixels], white: int) -> list[Floats32]:
    found = [image[:LARGEST, :LARGEST] for image in images]
    flat = [one.mean(axis=2) if one.ndim == 3 else one for one in found]
    return [np.asarray(one * (255 / white), dtype=np.float32) for one in flat]
