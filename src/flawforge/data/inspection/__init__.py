"""What is in a dataset, what is wrong with it, and a contact sheet to look at."""
