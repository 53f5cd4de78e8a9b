"""Manifests as people edit them."""
