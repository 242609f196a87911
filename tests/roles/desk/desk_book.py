"""What the desk's tests share: a clock to step, and a way to do a verb."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import msgspec

from elstrada.roles.desk.face import Desk, Refusal
from elstrada.roles.desk.table import params_of, perform, verb_named


class StepClock:
    """A clock that a test moves."""

    def __init__(self) -> None:
        self.at = datetime(2026, 3, 1, 12, tzinfo=UTC)

    def now(self) -> datetime:
        return self.at

    def step(self, **span: int) -> None:
        self.at += timedelta(**span)


async def done(desk: Desk, name: str, /, **values: object) -> object:
    """Do a verb as the command line would: parameters from plain values, refusals as answers."""
    verb = verb_named(name)
    assert verb is not None, f"there is no verb {name}"
    params = params_of(verb, values)
    if isinstance(params, Refusal):
        return params
    assert isinstance(params, msgspec.Struct)
    return await perform(desk, verb, params)


async def contracts(desk: Desk, *ids: str) -> None:
    """A customer of the retailer with these contracts."""
    await done(desk, "customer put", id="K1", name="Customer 1")
    await done(desk, "plan put", id="P1", name="El", mode="FIXED_PER_KWH", price_per_kwh="3.20")
    for contract_id in ids:
        await done(desk, "contract put", id=contract_id, customer="K1", plan="P1", supply_point="A1")
