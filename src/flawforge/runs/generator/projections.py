"""What a generator can show of a real image: the record that `project` leaves."""

from __future__ import annotations

from typing import Literal

from flawforge.runs.records import Record

PROJECTIONS = "projections"  # folder in a run's
INTERPOLATION = "interpolation.png"  # in a run's folder: what lies between images
DIRECTIONS = "directions.png"  # in a run's folder: images along principal directions of the latents
PROJECTION_FILE, PROJECTION_PICTURE = "projection.json", "projection.png"


class ProjectionRecord(Record):
    """The latent whose image is nearest to a real one.

    Distances are root mean squares of the difference in gray levels of 255, over all pixels at the network's
    resolution.

    Attributes:
        image: file name. image_sha256: of its pixels. label: class that the found image is of.
        latent: the numbers that were found.
        before: distance of the nearest of `starts` random images. after: of the found one.
        own: distances at which images of the generator itself were found again in the same way.
        starts: random images. steps: of the search.
        sentence: the outcome in plain words.
    """

    kind: Literal["projection"] = "projection"
    checkpoint: str
    image: str
    image_sha256: str
    label: str
    latent: list[float]
    before: float
    after: float
    own: list[float]
    starts: int
    steps: int
    sentence: str
