"""From cells to the record: evidence, comparisons, verdict, sentences."""
