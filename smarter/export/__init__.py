"""Writes what a run leaves behind into a folder: the CSV files and ``result.json``, each atomically."""

from smarter.export.files import write_outputs

__all__ = ["write_outputs"]
