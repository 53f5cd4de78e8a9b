"""Where and in which order cells are computed."""
