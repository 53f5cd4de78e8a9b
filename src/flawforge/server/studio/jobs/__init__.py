"""What a page may start: its form, its command, and the process that outlives page and studio."""
