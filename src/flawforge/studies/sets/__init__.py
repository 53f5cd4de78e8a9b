"""What audit and score compare: synthetic sets, the training images found again, held-out real images."""

from __future__ import annotations

from flawforge.studies.sets.declared_sources import DeclaredSources
from flawforge.studies.sets.foreign import Images, open_foreign
from flawforge.studies.sets.held_out import (
    HeldOut,
    find_held_out,
    find_material,
    find_training,
    load_whole,
    training_rows,
)
from flawforge.studies.sets.image_store import ImageStore
from flawforge.studies.sets.judged import Judged, open_judged
from flawforge.studies.sets.level_plan import plan_levels
from flawforge.studies.sets.matched_images import Channels, MatchedImages, flip_pixels
from flawforge.studies.sets.record_pictures import RecordPictures
from flawforge.studies.sets.remembered import kept_features, pixel_key
from flawforge.studies.sets.stored import ForeignSet
from flawforge.studies.sets.synthetic_set import SyntheticSet, as_dataset, by_hand_in

__all__ = [
    "Channels",
    "DeclaredSources",
    "ForeignSet",
    "HeldOut",
    "ImageStore",
    "Images",
    "Judged",
    "MatchedImages",
    "RecordPictures",
    "SyntheticSet",
    "as_dataset",
    "by_hand_in",
    "find_held_out",
    "find_material",
    "find_training",
    "flip_pixels",
    "kept_features",
    "load_whole",
    "open_foreign",
    "open_judged",
    "pixel_key",
    "plan_levels",
    "training_rows",
]
