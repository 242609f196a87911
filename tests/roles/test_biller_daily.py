"""Once a day the biller looks at all owners' CDRs; what fails at one is told, and ends nothing for the others."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from contextlib import suppress
from datetime import timedelta

import msgspec
import pytest
from sqlalchemy import Table
from test_roles_missing_cdrs import SESSION

from cdr_scene import CDR, CPO, NOW, OWNER, TOKEN, Noon, later, lines, put_contract, put_plan, receive, run
from elstrada.model.cdr import CdrState
from elstrada.model.facts import RoamedSessionChanged
from elstrada.model.ids import PartyId, cdr_stream, roamed_session_stream
from elstrada.model.party import BusinessDetails, Party, Role
from elstrada.roles.biller import Biller
from elstrada.roles.findings import Findings
from elstrada.roles.missing_cdrs import CODE
from elstrada.spine import tables as t
from elstrada.spine.face import Append, Cell, Put, Recorded, Row, SpineDown, Where, Work
from elstrada.spine.memory import MemorySpine

FIRST = PartyId("SE", "AAA")
"""An owner that comes before the other."""
_STEPS = 1_000
"""Of the loop, far more than a day's look takes; a store in memory waits for nothing."""


class Torn(MemorySpine):
    """A store of which some cannot be read, for a reason that nobody thought of."""

    stream = ""
    owner = ""
    reason: Exception = ValueError("torn")

    async def facts(self, stream: str, after_version: int = 0, limit: int = 10_000) -> list[Recorded]:
        if stream == self.stream:
            raise self.reason
        return await super().facts(stream, after_version, limit)

    async def find(
        self,
        table: Table,
        where: Where | None = None,
        *,
        order: Sequence[str] = (),
        limit: int = 1000,
        offset: int = 0,
        after: Sequence[Cell] | None = None,
    ) -> list[Row]:
        if table is t.roamed_session and where and where.get("owner") == self.owner:
            raise self.reason
        return await super().find(table, where, order=order, limit=limit, offset=offset, after=after)


def party(owner: PartyId) -> Put:
    whole = Party(owner, (Role.EMSP,), BusinessDetails("Retail"), "SEK")
    return Put(t.party, {"party": str(owner), "document": msgspec.json.encode(whole).decode()})


async def torn() -> Torn:
    """Two owners; CDRs of one are held for want of a plan that is there by now."""
    spine = Torn(Noon())
    await spine.start()
    await spine.commit(Work(writes=(TOKEN, put_contract(), party(FIRST), party(OWNER))))
    await receive(spine, CDR, later(3, id="c2", session_id="s2"))
    await spine.commit(await Biller(spine).handle(await spine.read(0)))
    await spine.commit(Work(writes=(put_plan(),)))
    return spine


async def without_cdr(spine: Torn) -> None:
    """A session that ended long ago."""
    then = NOW - timedelta(days=20)
    session = msgspec.structs.replace(SESSION, id="s9", start_date_time=then, last_updated=then)
    stream = roamed_session_stream(OWNER, CPO, session.id)
    await spine.commit(Work((Append(stream, 0, (RoamedSessionChanged(session),)),)))


async def one_day(spine: Torn) -> Findings:
    findings = Findings(spine, Noon())
    job = asyncio.create_task(Biller(spine).run(Noon(), findings))
    for _ in range(_STEPS):
        await asyncio.sleep(0)
    assert not job.done(), "the job goes on"
    job.cancel()
    with suppress(asyncio.CancelledError):
        await job
    return findings


def test_a_cdr_whose_examination_fails_is_told_and_the_others_are_billed(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async def scene() -> None:
        spine = await torn()
        spine.stream = cdr_stream(OWNER, CPO, "c1")
        findings = await one_day(spine)
        assert [line.cdr_id for line in await lines(spine)] == ["c2"]
        assert findings.unsaved(f"party:{OWNER}", "CDR not examined") == 1
        assert f"party:{OWNER}: CDR c1 of {CPO} could not be examined" in caplog.text
        row = await spine.get(t.cdr, owner=str(OWNER), party=str(CPO), cdr_id="c1")
        assert row is not None
        assert row["state"] == CdrState.HELD

    run(scene())


def test_an_owner_whose_sessions_cannot_be_read_is_told_and_the_next_is_looked_at() -> None:
    async def scene() -> None:
        spine = await torn()
        await without_cdr(spine)
        spine.owner = str(FIRST)
        findings = await one_day(spine)
        assert findings.unsaved(f"party:{FIRST}", "missing CDRs not looked for") == 1
        (found,) = await spine.find(t.finding, {"code": CODE})
        assert found["source"] == f"session:{OWNER}/{CPO}/s9"

    run(scene())


def test_a_store_that_is_down_is_no_finding_and_the_job_goes_on(caplog: pytest.LogCaptureFixture) -> None:
    async def scene() -> None:
        spine = await torn()
        spine.stream, spine.owner, spine.reason = cdr_stream(OWNER, CPO, "c1"), str(FIRST), SpineDown("gone")
        findings = await one_day(spine)
        assert findings.noted == {}
        assert "CDRs cannot be looked at now: gone" in caplog.text

    with caplog.at_level(logging.WARNING):
        run(scene())
