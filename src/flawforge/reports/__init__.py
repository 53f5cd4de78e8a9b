"""Run folder in, page out. Numbers, then page data, then template: HTML stands in the templates alone, and no torch."""
