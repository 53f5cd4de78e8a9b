"""Records of what is done with a trained generator: exported, and searched for images."""
