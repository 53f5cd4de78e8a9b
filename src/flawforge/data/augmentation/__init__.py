"""Classical augmentation of training images: geometry, light, mixing, copy-paste, the light of other images."""
