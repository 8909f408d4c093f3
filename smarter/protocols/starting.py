"""The start of a run: on a deployment that is begun, or on one that is found and checked against its input.

``run`` comes here with a scenario and its data; whoever only asks about a deployment has ``session``.
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Callable, Generator, Sequence
from dataclasses import replace

from smarter.api import PublicKey
from smarter.errors import InputChanged, StateMismatch
from smarter.keys.unlock import Unlock
from smarter.model.control import heed
from smarter.model.events import Progress
from smarter.model.messages.frame import DEPLOYMENT_BYTES, PSEUDONYM_BYTES
from smarter.model.windows import iso
from smarter.protocols.plan import NeighbourhoodPlan, plan_run
from smarter.protocols.provision import Keyring, make_keys
from smarter.protocols.session import Session, cryptography_of, joins, recall
from smarter.scenario import Scenario
from smarter.state import Journal, KeptMeter, StateFolder, WrappedKeys


def begin(
    scenario: Scenario,
    state: StateFolder,
    plans: tuple[NeighbourhoodPlan, ...],
    unlock: Unlock,
    encrypting: Callable[[PublicKey], None],
) -> Generator[Progress, None, tuple[Session, Keyring]]:
    """Begin a deployment on a state that is made: pseudonyms, keys, and its place in the journal, written last.

    ``encrypting`` is told the aggregation key as soon as it is there: what encrypts under it can be made ready while
    the other keys are made.
    """
    cryptography = cryptography_of(scenario)
    pseudonyms = {
        (plan.name, meter.name): secrets.token_bytes(PSEUDONYM_BYTES) for plan in plans for meter in plan.meters
    }
    deployment = secrets.token_bytes(DEPLOYMENT_BYTES)
    made = make_keys(state.keys, unlock, cryptography, deployment, pseudonyms.values(), encrypting)
    while True:
        try:
            done, total = next(made)
        except StopIteration as stop:
            keyring: Keyring = stop.value
            break
        yield Progress("keys", done, total)
    roster: dict[str, list[KeptMeter]] = {}
    enrolled = 0
    for plan in plans:
        roster[plan.name] = []
        by_pseudonym = sorted(plan.meters, key=lambda meter: pseudonyms[plan.name, meter.name])
        for position, meter in enumerate(by_pseudonym):
            pseudonym = pseudonyms[plan.name, meter.name]
            verify_key = keyring.stores["meters"].current(f"sign/{pseudonym.hex()}").public
            kept = KeptMeter(pseudonym, plan.name, meter.name, position, verify_key, meter.digest(), 0)
            roster[plan.name].append(kept)
            enrolled += 1
            yield Progress("input", enrolled, len(pseudonyms))
    journal = Journal(state.journal)
    journal.enrol(
        [kept for kepts in roster.values() for kept in kepts],
        deployment=deployment,
        scenario=scenario.digest,
        name=scenario.name,
        joined=1,
        **{f"start {plan.name}": plan.start for plan in plans},
        **{f"end {plan.name}": plan.end for plan in plans},
        **{f"phase {plan.name}": plan.axis.phase for plan in plans},
        **{f"cuts {plan.name}": "[]" for plan in plans},
    )
    cuts: dict[str, Sequence[int]] = {plan.name: [] for plan in plans}
    wrapped = WrappedKeys(state.wrapped_keys)
    return Session(scenario, plans, journal, deployment, roster, cryptography, cuts, wrapped), keyring


def find(scenario: Scenario, state: StateFolder) -> Session | None:
    """The deployment on ``state``, checked against the data, to be run on; None when there is none yet.

    Raises:
        StateMismatch: the state is of another scenario, or ends later than this one.
        InputChanged: an input file differs from the one that the run began with.
    """
    before = recall(scenario, state)
    if before is None:
        return None
    try:
        return _checked(before, state)
    except BaseException:
        before.journal.close()
        raise


def _checked(recalled: Session, state: StateFolder) -> Session:
    """The deployment with the plan that its data give now, which may end later than the one it was begun with."""
    plans = plan_run(recalled.scenario, joins(recalled.journal))
    cuts, progress = dict(recalled.cuts), recalled.journal.progress()
    later: dict[str, object] = {}
    for plan, before in zip(plans, recalled.plans, strict=True):
        _check_input(state, plan, recalled.roster[plan.name])
        if (plan.start, plan.axis) != (before.start, before.axis) or plan.end < before.end:
            spans = [f"{iso(p.start, p.timezone)} to {iso(p.end, p.timezone)}" for p in (before, plan)]
            raise StateMismatch(
                f"the state in {state.path} was begun for {spans[0]}, and this is {spans[1]}: only a later end may "
                "differ; set time.end, choose another folder with --state, or start again with --fresh."
            )
        if plan.end > before.end:
            # Windows were cut off at the earlier end only if the run had come that far.
            if progress.get(plan.name, before.first_slot) >= before.end_slot:
                cuts[plan.name] = [*cuts[plan.name], before.end]
            later |= {f"end {plan.name}": plan.end, f"cuts {plan.name}": json.dumps(cuts[plan.name])}
    return replace(recalled, plans=plans, cuts=cuts, later=later)


def _check_input(state: StateFolder, plan: NeighbourhoodPlan, roster: Sequence[KeptMeter]) -> None:
    kept = {meter.source: meter.digest for meter in roster}
    way_out = f"restore it, or start again with --fresh (the state is {state.path})."
    for meter in plan.meters:
        heed()
        if meter.name not in kept:
            raise InputChanged(f"{meter.origin}: meter {meter.name} was not there when the run began; {way_out}")
        if meter.digest() != kept.pop(meter.name):
            raise InputChanged(
                f"{meter.origin}: the input of meter {meter.name} has changed since the run began; {way_out}"
            )
    if kept:
        raise InputChanged(f"meter {next(iter(kept))} of {plan.name} is gone since the run began; {way_out}")
