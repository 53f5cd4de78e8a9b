"""What is done to both sides of a comparison, as a record says it."""

from __future__ import annotations

from flawforge.data.levelling import webp_stays
from flawforge.runs.records import Levelled, Levelling
from flawforge.studies.sets.matched_images import MatchedImages


def levelling_of_run(matched: MatchedImages) -> Levelling:
    """Return how a run's training images and its synthetic set were brought to one form."""
    height, width = matched.resolution
    differences, steps = [], webp_stays(matched.training.samples, ())
    if matched.quality is not None:
        done = f"all encoded as JPEG of quality {matched.quality}, each at its own size"
        differences.append(Levelled(what="file format", real="JPEG", generated="PNG", done=done))
        steps.append(
            f"The real images are JPEG files, so all images, real and generated, were encoded as JPEG of quality "
            f"{matched.quality} at the size of their files and decoded, before they were reduced to {width}x{height}."
        )
    channels = matched.network_channels
    return Levelling(
        resolution=(height, width), channels=channels, quality=matched.quality, differences=differences, steps=steps
    )
