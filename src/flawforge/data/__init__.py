"""Folders in: layouts, checks, overlap groups, splits."""
