"""Training of the inspection model."""
