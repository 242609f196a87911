"""What a terminal payment's session owes is compared in the smallest unit of its money (ISO 4217)."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal

import pytest

from elstrada.model.cost import Price
from elstrada.model.terminal import Advice, CaptureStatus, SessionPaid, TerminalSession
from elstrada.roaming.paid import settled


@pytest.mark.parametrize(
    ("currency", "owed", "taken", "state"),
    [
        ("KWD", "1.235", "1.235", SessionPaid.PAID),
        ("KWD", "1.235", "1.24", SessionPaid.OVERPAID),
        ("JPY", "130.4", "130", SessionPaid.PAID),
        ("JPY", "130.5", "131", SessionPaid.PAID),
        ("SEK", "1.234", "1.23", SessionPaid.PAID),
        ("SEK", "1.245", "1.25", SessionPaid.PAID),
        ("SEK", "1.25", "1.24", SessionPaid.SHORT),
    ],
)
def test_money_is_taken_in_its_smallest_unit(currency: str, owed: str, taken: str, state: SessionPaid):
    known = TerminalSession(reference="R", location_id="L1", evse_uid="E1", token_ref="t")
    advice = Advice(
        id="A1",
        authorization_reference="R",
        total_costs=Price(Decimal(taken)),
        currency=currency,
        capture_status_code=CaptureStatus.SUCCESS,
        last_updated=datetime(2026, 2, 4, tzinfo=UTC),
    )
    assert settled(known, [(Decimal(owed), currency)], [advice])[1] is state
