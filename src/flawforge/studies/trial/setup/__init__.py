"""Before the first cell: folder, test split, leaks, good class."""
