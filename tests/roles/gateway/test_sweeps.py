"""What a gateway looks for every few seconds is found by indexes of just these rows, however much is done with."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest
from gateways import KEYS, Fallbacks

from asked import Asked, Later, assert_same_work, crowds
from crowd import OWNER
from elstrada.model.unended import EndRules
from elstrada.net.chance import SystemChance
from elstrada.roles.findings import Findings
from elstrada.roles.gateway.ends import Ends
from elstrada.roles.gateway.gateway import Gateway
from elstrada.spine.post import LocalPost


@pytest.mark.rule(36)
def test_what_is_over_and_what_is_silent_is_found_without_reading_what_is_done(tmp_path: Path) -> None:
    async def sweep(spine: Asked) -> None:
        clock = Later()
        gateway = Gateway(
            spine, KEYS, clock, SystemChance(), Fallbacks(), Findings(spine, clock), LocalPost(), (OWNER,)
        )
        ends = Ends(gateway, spine, EndRules(), away_every=timedelta(0))
        assert await ends.waiting((OWNER,)) == {(str(OWNER), "S1")}
        await ends.away((OWNER,))

    assert_same_work(crowds(tmp_path), sweep)
