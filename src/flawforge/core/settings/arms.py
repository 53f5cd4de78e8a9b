"""The arms of a trial: their names, in the order of tables and pages, and what each is in words."""

from __future__ import annotations

ARMS = {
    "real": "the real images alone",
    "classical": "real images under the tuned classical transforms",
    "placebo": "as classical, with repeats of real images in the place of the generated ones",
    "taught": "as classical, with the generator's pretrained knowledge handed on without generating",
    "copy-paste": "as classical, with defects cut out and pasted onto other real images",
    "generated": "as classical, with generated images in a part of each batch",
    "filtered": "as generated, with only the images that passed the filter",
    "recommended": "filtered where the evidence inside the real images says so, else classical",
    "taught-generated": "as taught, with generated images that the teacher labelled",
    "only-generated": "generated images alone, under the classical transforms",
}
CONTROLS = ("real", "classical", "taught", "copy-paste")  # may be what a gain is measured against
ADDING = ("taught", "copy-paste")  # more than classical transforms, and nothing generated
GENERATED = (
    "generated",
    "filtered",
    "recommended",
    "taught-generated",
    "only-generated",
)  # arms that use generated images


def uses_generated(arm: str) -> bool:
    """Return whether an arm uses generated images; all others may serve as the control."""
    return arm in GENERATED
