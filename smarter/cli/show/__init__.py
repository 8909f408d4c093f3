"""What the commands print for people, as rich tables and lines; each function prints on the console it is given.

One visual language runs through all of it (``marks``): the mark says what the colour says, so that it reads without.
"""

from smarter.cli.show.audit import audit_lines
from smarter.cli.show.bench import bench_bars, bench_head, bench_notes, bench_table
from smarter.cli.show.bills import bill_lines, bills_table
from smarter.cli.show.demand import demand_table, windows_table
from smarter.cli.show.grants import grants_table
from smarter.cli.show.hops import hops
from smarter.cli.show.keys import keys_table
from smarter.cli.show.operators import meters_table, operators_table, rerating_table
from smarter.cli.show.own_use import bill_checks, own_figures, own_table
from smarter.cli.show.plugins import plugin, plugins_table
from smarter.cli.show.sources import survey_table
from smarter.cli.show.stages import refusals, stages_line
from smarter.cli.show.views import views_sentence, views_table

__all__ = [
    "audit_lines",
    "bench_bars",
    "bench_head",
    "bench_notes",
    "bench_table",
    "bill_checks",
    "bill_lines",
    "bills_table",
    "demand_table",
    "grants_table",
    "hops",
    "keys_table",
    "meters_table",
    "operators_table",
    "own_figures",
    "own_table",
    "plugin",
    "plugins_table",
    "refusals",
    "rerating_table",
    "stages_line",
    "survey_table",
    "views_sentence",
    "views_table",
    "windows_table",
]
