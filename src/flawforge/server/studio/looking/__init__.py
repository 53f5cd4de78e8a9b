"""What a page looks into: a generator's latents and a folder of images, by processes that are there while needed."""
