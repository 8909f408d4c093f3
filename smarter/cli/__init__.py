"""The command line. Standard output is data, standard error is for people; exit codes are those of ``errors``."""

from smarter.cli.app import main

__all__ = ["main"]
