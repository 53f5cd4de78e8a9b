"""The search for copied defects: is a marked defect a real one of training, moved to another ground?

Where generated and training images have masks, defects are compared with defects. Calibrated as the other searches are:
by the best agreement of real defects with those of other groups, and tested by defects that are moved to other images.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from flawforge.core.arrays import Bools, Floats32, Ints
from flawforge.core.images import Pixels
from flawforge.core.progress import SILENT, Progress
from flawforge.core.seeds import numpy_stream
from flawforge.data.augmentation.pasting import Defect, cut_defects, cutout_of, lay_on
from flawforge.data.decode import read_image
from flawforge.data.grouping.registration import turned
from flawforge.metrics.copying.calibration import NullScale
from flawforge.metrics.copying.defect_agreement import DefectMatch, DefectPatch, match_defect
from flawforge.metrics.copying.normalised_texture import INVERSE, SYMMETRIES
from flawforge.runs.judged.audits import CopiedDefect, Copying
from flawforge.runs.set_files import ManifestEntry
from flawforge.studies.copies.search import DEFECT_ALARM, copied, null_scale, outcome_of, spread
from flawforge.studies.sets import ForeignSet, MatchedImages

GAP = 0.05  # of the shorter side: marks that lie nearer to each other are one defect
PARTS = 2  # largest defects of an image that are compared
LARGEST_SHARE = 0.5  # of an image, that is no defect on a ground any more
REFERENCE_DEFECTS = 128  # that make the scale, spread over the groups
FLOOR = 0.5  # score below which nothing is flagged
SAME = 1.0  # score from which two training defects are one, whatever their groups say
SPREAD = 0.3  # of the scores of honest defects that counts as known: of few specimens few classes set the scale
PLANTED = 32  # moved defects that the audit tests itself with
STRENGTHS = (0.7, 1.4)  # of them
AROUND = 8  # pixels about a defect that its window shows

Box = tuple[float, float, float, float]
NOTHING: Box = (0, 0, 0, 0)


class DefectSearch:
    """Training images' defects, ready to be searched for those of others.

    Args:
        marked: (H, W) gray images, 0 to 1, each with what is marked in it.
        groups: (N,) of the images.

    Attributes:
        rows: the image of each defect. defects: as they are cut out. patches: as they are compared.
        groups: of their images.
        set_aside: of those that make the scale, left out, because they plainly show the same as one of another group.
    """

    def __init__(self, marked: Sequence[tuple[Floats32, Bools]], groups: Ints) -> None:
        self._marked, self.set_aside = marked, 0
        known = [(row, defect) for row, one in enumerate(marked) for defect in marked_parts(*one)]
        compared = [(row, defect, patch) for row, defect in known if (patch := patch_of_defect(defect)) is not None]
        self.rows: Ints = np.array([row for row, *_ in compared], dtype=np.int64)
        self.defects, self.patches = [one[1] for one in compared], [one[2] for one in compared]
        self.groups: Ints = groups[self.rows]

    def look(self, patch: DefectPatch, excluded: Ints) -> DefectMatch:
        """Return the best match of a defect; those of the groups `excluded` do not count."""
        return match_defect(patch, self.patches, (~np.isin(self.groups, excluded)).tolist())

    def scale(self) -> NullScale | None:
        """Return the scale: real defects against those of other groups; None with one group."""
        if len(np.unique(self.groups)) < 2:
            return None
        chosen = spread(self.groups, REFERENCE_DEFECTS)
        scores = np.array([self.look(self.patches[at], self.groups[[at]]).score for at in chosen])
        scale, self.set_aside = null_scale(scores, self.groups[chosen], SAME, SPREAD)
        return scale

    def recovered(self, threshold: float) -> tuple[int, int]:
        """Return how many defects were moved onto training images of other groups, and how many of them were found."""
        draws, planted, found = numpy_stream(0, "bootstrap", "planted", "defects"), 0, 0
        for _ in range(PLANTED):
            at = int(draws.integers(len(self.defects)))
            host = int(draws.choice(self.rows[self.groups != self.groups[at]]))
            patch = moved(self.defects[at], self._marked[host][0], draws)
            if patch is not None:
                match, planted = self.look(patch, np.zeros(0, np.int64)), planted + 1
                found += match.score >= threshold and self.groups[match.reference] == self.groups[at]
        return planted, int(found)


def moved(defect: Defect, host: Floats32, draws: np.random.Generator) -> DefectPatch | None:
    """Return a defect that was turned and put on another image (H, W), in its light; None: it does not fit."""
    turn = int(draws.integers(8))
    planes = (np.ascontiguousarray(turned(plane, turn)) for plane in (defect.pixels, defect.mask, defect.marked))
    cutout = cutout_of(Defect(*planes), (1.0, 1.0))
    room = [whole - own for whole, own in zip(host.shape, cutout.alpha.shape, strict=True)]
    if min(room) < 0:
        return None
    corner = int(draws.integers(room[0] + 1)), int(draws.integers(room[1] + 1))
    placed = lay_on(host, cutout, corner, float(np.exp(draws.uniform(*np.log(STRENGTHS)))))
    pixels = (np.rint(placed.pixels * 255) / 255).astype(np.float32)
    found = marked_parts(pixels, placed.mask)
    return patch_of_defect(found[0]) if found else None


def marked_parts(pixels: Floats32, marked: Bools) -> list[Defect]:
    """Return the largest defects of an image (H, W), 0 to 1."""
    if not 0 < marked.mean() <= LARGEST_SHARE:
        return []
    return cut_defects(pixels, marked, round(GAP * min(marked.shape)))[:PARTS]


def patch_of_defect(defect: Defect) -> DefectPatch | None:
    """Return a defect as it is compared; None: it is too small."""
    return DefectPatch.of(defect.pixels, defect.mask)


def find_copied_defects(
    matched: MatchedImages, groups: Ints, declared: list[Ints], progress: Progress = SILENT
) -> tuple[Copying | None, list[CopiedDefect]]:
    """Search the defects of generated images with masks for those of training images, and judge the set.

    Args:
        matched: both sides.
        groups: (N,) groups of the training images.
        declared: of each generated image, the training images that it is composed of by design: its defect is compared
            with the others.
        progress: where to tell how far it is.

    Returns:
        The result, None where no generated image has a mask, or the training images' masks are of one group; and the
        flagged images, the clearest first.
    """
    made = [row for row, entry in enumerate(matched.entries) if entry.mask]
    training = matched.training
    known = [row for row, sample in enumerate(training.samples) if sample.marks]
    if not made or len(known) < 2:
        return None, []
    with progress.task("preparing the defects of training images", 1, "set") as task:
        marked = [(_unit(matched, training.read(row)), training.mask(row)) for row in known]
        search = DefectSearch(marked, groups[known])
        scale = search.scale()
        task.advance()
    if scale is None:
        return None, []
    matches = []
    for row in progress.each("looking for copied defects", made, "images"):
        excluded = np.unique(groups[declared[row]])
        parts = marked_parts(*_generated(matched, row))
        patches = [(part, patch) for part in parts if (patch := patch_of_defect(part)) is not None]
        found = [(search.look(patch, excluded), _window(part)) for part, patch in patches]
        matches.append(max(found, key=lambda one: one[0].score, default=(DefectMatch(0.0), NOTHING)))
    scores = np.array([match.score for match, _ in matches])
    p, indices = copied(scale, scores, DEFECT_ALARM, FLOOR)
    outcome = outcome_of(scale, scores, len(indices), search.recovered, search.set_aside, DEFECT_ALARM, FLOOR)
    copies = []
    for at in sorted(indices, key=lambda at: -scores[at]):
        match, box = matches[at]
        copies.append(
            CopiedDefect(
                file=matched.entries[made[at]].file,
                source=training.samples[known[int(search.rows[match.reference])]].file,
                score=match.score,
                p=float(p[at]),
                symmetry=SYMMETRIES[INVERSE.get(match.symmetry, match.symmetry)],
                box=box,
                source_box=_window(search.defects[match.reference]),
            )
        )
    return outcome, copies


def defects_note(matched: MatchedImages) -> list[str]:
    """Return that the marked defects of another tool's images were not searched; [] where there are none."""
    made = matched.synthetic
    if not isinstance(made, ForeignSet) or not any(sample.marks for sample in made.images.samples):
        return []
    return [
        "The marks of the generated images were not used: copied defects are looked for at the defects' own size, and "
        "images of other tools are compared at one size."
    ]


def _window(defect: Defect) -> Box:
    """Return the window about a defect: left, top, width and height in percent of its image's sides."""
    (height, width), (top, left, bottom, right) = defect.mask.shape, defect.corners
    top, left = max(0, top - AROUND), max(0, left - AROUND)
    bottom, right = min(height, bottom + AROUND), min(width, right + AROUND)
    across, down = 100 / width, 100 / height
    return left * across, top * down, (right - left) * across, (bottom - top) * down


def _unit(matched: MatchedImages, pixels: Pixels) -> Floats32:
    return matched.levels(matched.stored(pixels)) / np.float32(255)


def _generated(matched: MatchedImages, row: int) -> tuple[Floats32, Bools]:
    """Return a generated image and what is marked in it, without the defects that its ground had."""
    entry: ManifestEntry = matched.entries[row]
    folder = matched.synthetic.folder
    mask = read_image(folder / entry.mask, bits=8) > 0
    if entry.support:
        mask &= read_image(folder / entry.support, bits=8) > 0
    return _unit(matched, matched.read_generated(row)), mask
