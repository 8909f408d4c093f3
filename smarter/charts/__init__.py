"""Charts of demand, bills and households as text for a terminal; ``cli`` prints them, the app shows them.

``windows``, ``bills`` and ``bars`` say what is drawn, ``scales`` where an axis is labelled, ``drawing`` draws it with
plotext; ``marks`` are the visual language of tables and pages.
"""

from smarter.charts.bills import bills_chart
from smarter.charts.windows import cost_chart, demand_chart, household_chart

__all__ = ["bills_chart", "cost_chart", "demand_chart", "household_chart"]
