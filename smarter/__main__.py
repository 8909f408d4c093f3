"""``python -m smarter``."""

from smarter.cli import main

main()
