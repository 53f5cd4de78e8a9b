"""Which images show the same specimen: candidates, registration, groups."""
