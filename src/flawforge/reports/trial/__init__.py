"""A trial's report."""
