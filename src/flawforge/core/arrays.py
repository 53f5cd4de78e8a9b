"""Names for the arrays that every room passes around. The element type is named; shapes stand in the docstrings."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]
Floats32 = NDArray[np.float32]
Bools = NDArray[np.bool_]
Bytes = NDArray[np.uint8]
Arrays = dict[str, NDArray[Any]]  # arrays by name, as safetensors keeps them
