"""The independent parts of a trial, and how each is computed."""
