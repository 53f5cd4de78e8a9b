"""Parts of a dataset: shots, splits, held-out images, unlabelled images."""
