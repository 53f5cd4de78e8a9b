"""Training of the recipes that place: which defects go where on which grounds is found out, and `placed` learns."""
