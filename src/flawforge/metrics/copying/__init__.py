"""Whether an image agrees with another one, and how often an image that is no copy would agree as well."""
