"""Networks. No files, no loops."""
