"""What a training step changes, and how far the training is."""
