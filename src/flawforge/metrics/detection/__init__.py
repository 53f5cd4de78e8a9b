"""How reliably defects are found: hits and misses by size."""
