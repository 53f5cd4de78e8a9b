"""Before the first step: settings checked, run folder opened, batches laid out."""
