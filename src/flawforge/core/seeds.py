"""One seed, named streams.

Every random number in Flawforge comes from a stream that is named after its use and addressed by position
(``order`` of epoch 3, ``latents`` of step 120, ``latents`` of image 17). A stream's numbers are a function of
(seed, name, position) alone. Nothing has to be saved to go on exactly where a run stopped, no use can disturb
another (turning previews off changes no weight), and the numbers do not depend on the device or on how the work
is split among processes.

The derivation is SHA-256 over the seed, the name and the position, cut to 63 bits: a hash, so that neighbouring
positions share nothing (the counter-based idea of Salmon et al. 2011, "Parallel random numbers: as easy as 1, 2, 3").
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Literal, get_args

import numpy as np

if TYPE_CHECKING:
    import torch

Stream = Literal[
    "weights",
    "latents",
    "labels",
    "order",
    "augmentation",
    "previews",
    "judging",
    "samples",
    "sizes",
    "shots",
    "split",
    "bootstrap",
    "search",
    "demo",
]
STREAMS: tuple[str, ...] = get_args(Stream)


def derive(seed: int, stream: Stream, *position: int | str) -> int:
    """Return the 63-bit seed of one stream at one position.

    Args:
        seed: the run's seed, any integer from 0.
        stream: a name from `STREAMS`; another is a bug and raises ValueError.
        position: where in the stream, e.g. the step, or the class and the image's index.
    """
    if stream not in STREAMS:
        raise ValueError(f"no stream is named {stream!r}; there are {', '.join(STREAMS)}")
    text = "\x1f".join(["flawforge", str(int(seed)), stream, *(f"{type(p).__name__}:{p}" for p in position)])
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big") >> 1


def numpy_stream(seed: int, stream: Stream, *position: int | str) -> np.random.Generator:
    """Return a fresh numpy generator for one stream at one position."""
    return np.random.Generator(np.random.PCG64(derive(seed, stream, *position)))


def torch_stream(seed: int, stream: Stream, *position: int | str) -> torch.Generator:
    """Return a fresh CPU torch generator for one stream at one position.

    It is always on the CPU: the numbers are drawn there and moved, so that a seed means the same on every device.
    """
    import torch

    return torch.Generator(device="cpu").manual_seed(derive(seed, stream, *position))
