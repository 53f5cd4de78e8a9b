"""Masks: which image files they are, whose they are, and which classes they tell."""
