"""``python -m flawforge``."""

from flawforge.cli.main import main

main()
