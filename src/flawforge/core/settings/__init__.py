"""Settings: frozen, typed, checked; of recipes, trials, arms, classifiers and their augmentation."""
