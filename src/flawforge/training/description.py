"""What run.json says of the training data."""

from __future__ import annotations

from collections import Counter
from typing import Any

from flawforge.data.dataset import Dataset


def describe_data(data: Dataset) -> dict[str, Any]:
    """Return what run.json says of the training data."""
    formats = Counter((sample.label, sample.format) for sample in data.samples)
    return {
        "source": data.source,
        "root": str(data.root),
        "layout": data.layout,
        "fingerprint": data.fingerprint,
        "classes": data.counts,
        "samples": len(data),
        "channels": data.channels,
        "white": data.white,
        "deep_white": data.deep_white,
        "formats": [
            {"label": label, "mode": form.mode, "width": form.width, "height": form.height, "count": count}
            for (label, form), count in sorted(formats.items())
        ],
        "jpeg": sum(sample.encoding in ("JPEG", "MPO") for sample in data.samples),
    }
