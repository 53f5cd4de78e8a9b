"""The training loop, a step, its log, its previews, and the checkpoints that it keeps."""
