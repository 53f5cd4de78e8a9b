"""The command that opens the studio, and the process in which it does what a page asks for."""
