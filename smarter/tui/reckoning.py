"""What page 1 says of a scenario's run before it is begun: its cost, how long that takes here, how far it has come."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from smarter.errors import SmarterError
from smarter.scenario import Scenario

if TYPE_CHECKING:
    from smarter.bench.duration import Duration
    from smarter.protocols.estimate import Estimate
    from smarter.protocols.session import Standing


@dataclass(frozen=True)
class Reckoned:
    """What is known of a scenario's run.

    Attributes:
        estimate: of all of it, or why there can be none.
        duration: by the last benchmark; None when its scheme was not measured here.
        standing: how far it has come; None: not begun; or why that cannot be told.
    """

    estimate: Estimate | str
    duration: Duration | None
    standing: Standing | str | None


def reckon(scenario: Scenario, workers: int, *, known: Estimate | None, goes_on: bool) -> Reckoned:
    """Look at data, benchmarks and state; to be called in a thread.

    Args:
        scenario: checked.
        workers: processes that would encrypt.
        known: the same scenario's estimate of before, whose data need no second look.
        goes_on: its run goes on just now.
    """
    from smarter.bench.duration import duration
    from smarter.protocols.estimate import estimate

    reckoned: Estimate | str
    taking: Duration | None = None
    try:
        reckoned = known or estimate(scenario)
        taking = duration(scenario, reckoned, workers)
    except SmarterError as error:
        reckoned = str(error)
    except OSError as error:
        reckoned = f"the system refuses: {error}; when that is mended, look again (f5)."
    except Exception as error:  # noqa: BLE001 - a plugin's code may raise anything
        reckoned = f"its cost cannot be reckoned: {type(error).__name__}: {error}"
    return Reckoned(reckoned, taking, "it runs just now: page 2 shows it" if goes_on else _standing(scenario))


def _standing(scenario: Scenario) -> Standing | str | None:
    from smarter.protocols.session import standing
    from smarter.state import locate

    try:
        return standing(scenario, locate(scenario.name, scenario.digest, None))
    except SmarterError as error:
        return str(error)
    except OSError as error:
        return f"the system refuses: {error}"
