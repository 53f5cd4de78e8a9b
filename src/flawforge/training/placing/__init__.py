"""Training of the recipes that place: nothing is learnt; which defects go where on which grounds is found out."""
