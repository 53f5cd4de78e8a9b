"""Placed images: the grounds and masks that are asked for, the placer, and one image at a time from Python."""
