"""Whether an image agrees with another one, and how often an honest image would agree as well."""
