"""Recipe `native`: what it trains on, and its previews."""
