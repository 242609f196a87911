"""What plans ask from which day on, and which plan a contract has when: each day is said once, the last word counts."""

from __future__ import annotations

from typing import TypeVar

from msgspec.structs import replace

from elstrada.model.invoice import Contract, Plan, PlanChange, PlanMove

_Said = TypeVar("_Said", PlanChange, PlanMove)
MOST_CHANGES = 200
MOST_MOVES = 50


class TooManyDays(Exception):
    """More changes than are kept of one plan or contract; the message says how many."""


def with_change(plan: Plan, change: PlanChange) -> Plan:
    """The plan with these prices from a day on, until the next day for which something was said.

    What was said of that very day before goes. What asks the same as the day before stays: an earlier change
    may still be put right.

    Raises:
        TooManyDays: a plan keeps no more of them.
    """
    changes = _with(plan.changes, change)
    if len(changes) > MOST_CHANGES:
        raise TooManyDays(f"plan {plan.id} has prices from {MOST_CHANGES} days on, and keeps no more")
    return replace(plan, changes=changes)


def with_move(contract: Contract, move: PlanMove) -> Contract:
    """The contract with this plan from a day on, in the same way.

    Raises:
        TooManyDays: a contract keeps no more of them.
    """
    moves = _with(contract.moves, move)
    if len(moves) > MOST_MOVES:
        raise TooManyDays(f"contract {contract.id} has plans from {MOST_MOVES} days on, and keeps no more")
    return replace(contract, moves=moves)


def _with(said: tuple[_Said, ...], now: _Said) -> tuple[_Said, ...]:
    """What was said of days, in their order; of one day the last word counts."""
    others = (one for one in said if one.valid_from != now.valid_from)
    return tuple(sorted((*others, now), key=lambda one: one.valid_from))
