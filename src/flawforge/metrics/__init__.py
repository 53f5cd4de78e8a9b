"""Arrays in, numbers out. No networks, no files."""
