"""How sure a difference is: intervals, paired differences, tests, power, several comparisons."""
