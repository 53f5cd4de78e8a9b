"""How far generated images are from real ones: distances, precision and recall, diversity, spectra, gray levels."""
