"""The questions: generate, audit. Each ends in one record."""
