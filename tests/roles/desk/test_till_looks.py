"""What the till looks for, every few seconds and at every driver's request, is found by indexes of just these rows."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from pathlib import Path

import pytest
from desk_book import StepClock
from msgspec.structs import replace
from test_desk_lists import desk_on

from asked import FEWER, Asked, assert_same_work, crowds, on, with_rows
from crowd import FEW, OWNER
from elstrada.model.device import CommandName
from elstrada.model.facts import CommandRequested
from elstrada.model.ids import station_stream
from elstrada.model.web_payment import PaymentState, WebPayment
from elstrada.pay.development import DevelopmentProvider
from elstrada.pay.face import Reserved
from elstrada.roles.desk.lookups import document
from elstrada.roles.findings import Findings
from elstrada.roles.payments.till import MOST_OPEN, PAYS_WITHIN, STARTS_WITHIN, STUCK, NotNow, Till
from elstrada.spine import tables as t
from elstrada.spine.face import Append, Put, Work


class Watched(DevelopmentProvider):
    """Remembers about which payments it was asked."""

    def __init__(self) -> None:
        super().__init__()
        self.about: set[str] = set()

    async def state(self, payment_id: str) -> Reserved:
        self.about.add(payment_id)
        return await super().state(payment_id)


@pytest.mark.rule(36)
def test_payments_that_are_not_over_are_found_without_reading_those_that_are(tmp_path: Path) -> None:
    assert FEW == MOST_OPEN, "one more would be too many"

    async def look(spine: Asked) -> None:
        provider = Watched()
        till = Till(desk_on(spine), provider, Findings(spine, StepClock()))
        await till.look()
        assert provider.about == {"p00000001", "p00000002"}  # The first has started: its session would tell.
        assert await till.found("q") is None
        found = await till.found("p00000001")
        assert found is not None
        assert found[0] == OWNER
        with pytest.raises(NotNow, match="others are paying there"):
            await till.begin(OWNER, replace(found[1], payment_id="another"))

    assert_same_work(crowds(tmp_path), look)


def test_a_payment_that_nobody_can_go_on_with_holds_up_no_other(tmp_path: Path) -> None:
    class Odd(Watched):
        async def state(self, payment_id: str) -> Reserved:
            answer = await super().state(payment_id)
            if len(self.about) == 1:
                raise ValueError("what it said of this one is not understood")
            return answer

    async def look(spine: Asked) -> None:
        provider, findings = Odd(), Findings(spine, StepClock())
        await Till(desk_on(spine), provider, findings).look()
        assert provider.about == {"p00000001", "p00000002"}
        await findings.flush()
        codes = {row["code"] for row in await spine.find(t.finding)}
        assert STUCK in codes

    with_rows(tmp_path / "few.db", FEWER)
    on(tmp_path / "few.db", look)


def test_money_is_released_though_whoever_would_have_heard_the_stations_answer_is_gone(
    tmp_path: Path,
) -> None:
    """The station was told to start; its node died before its answer, and no session ever came of it."""

    async def look(spine: Asked) -> None:
        desk = desk_on(spine)
        till = Till(desk, Watched(), Findings(spine, StepClock()))
        payment = WebPayment(
            payment_id="p",
            station_id="S9",
            evse_id=1,
            amount=Decimal(50),
            currency="SEK",
            state=PaymentState.RESERVED,
            created_at=desk.clock.now() - PAYS_WITHIN - STARTS_WITHIN - timedelta(seconds=1),
            psp_ref="card",
            command_id="K1",
        )
        row = {
            "owner": str(OWNER),
            "payment_id": "p",
            "station_id": "S9",
            "evse_id": 1,
            "state": payment.state.value,
            "document": document(payment),
            "changed_at": desk.clock.now(),
        }
        told = CommandRequested("K1", CommandName.START, OWNER)
        stream = station_stream(OWNER, "S9")
        await spine.commit(Work(appends=(Append(stream, 0, (told,)),), writes=(Put(t.web_payment, row),)))
        started = await till.advance(OWNER, payment)
        assert started.state is PaymentState.STARTED, "a session may run all the same"
        assert (await till.advance(OWNER, started)).state is PaymentState.RELEASED

    on(tmp_path / "one.db", look)
