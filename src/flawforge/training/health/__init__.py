"""Training health: collapse, divergence, and which checkpoint is the best."""
