"""Training of networks that say where a defect is."""
