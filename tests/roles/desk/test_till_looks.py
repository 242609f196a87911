"""What the till looks for, every few seconds and at every driver's request, is found by indexes of just these rows."""

from __future__ import annotations

from pathlib import Path

import pytest
from desk_book import StepClock
from msgspec.structs import replace
from test_desk_lists import desk_on

from asked import Asked, assert_same_work, crowds
from crowd import FEW, OWNER
from elstrada.pay.development import DevelopmentProvider
from elstrada.pay.face import Reserved
from elstrada.roles.findings import Findings
from elstrada.roles.payments.till import MOST_OPEN, NotNow, Till


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
