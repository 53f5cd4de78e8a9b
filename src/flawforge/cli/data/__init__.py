"""The verbs that move images: into other formats, out of a run, onto the disk."""
