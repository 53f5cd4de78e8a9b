"""Contracts that every room shares: errors, settings, images, seeds, files, progress."""
