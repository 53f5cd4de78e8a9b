"""Datasets written in the forms that trainers read."""
