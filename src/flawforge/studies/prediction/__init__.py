"""Models that a trial leaves: written, opened again, and asked about images."""

from __future__ import annotations

from flawforge.studies.prediction.evaluation import evaluate
from flawforge.studies.prediction.model_folder import find_model, logit_shift, network_parts, open_model, write_weights
from flawforge.studies.prediction.onnx_file import NO_ONNX, write_onnx
from flawforge.studies.prediction.run import predict

__all__ = [
    "NO_ONNX",
    "evaluate",
    "find_model",
    "logit_shift",
    "network_parts",
    "open_model",
    "predict",
    "write_onnx",
    "write_weights",
]
