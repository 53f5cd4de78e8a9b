"""The questions, a package each: sets < copies, realism < synthesis < trial, search. Each ends in a record."""
