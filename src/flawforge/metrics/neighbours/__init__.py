"""Exact nearest neighbours between images, in blocks of bounded memory."""
