"""V37: a partner's session that ended, and of which no CDR came, is a finding until one does."""

from __future__ import annotations

from datetime import datetime, timedelta
from decimal import Decimal

from cdr_scene import ALL, CPO, NOW, OWNER, changed, receive, run, spine_with
from elstrada.model.facts import RoamedSessionChanged
from elstrada.model.ids import roamed_session_stream
from elstrada.model.session import Session, SessionStatus
from elstrada.model.token import AuthMethod
from elstrada.roles.missing_cdrs import CODE, look_for_missing
from elstrada.spine import tables as t
from elstrada.spine.face import Append, Put, Work
from elstrada.spine.memory import MemorySpine

SOURCE = f"session:{OWNER}/{CPO}/s1"
_WEEK = timedelta(days=7)
OLD = NOW - _WEEK - timedelta(hours=1)


async def told(
    ended: datetime, status: SessionStatus = SessionStatus.COMPLETED, kwh: int = 10
) -> MemorySpine:
    """A spine that knows a session at the CPO, last told when it ended."""
    session = Session(
        party=CPO,
        id="s1",
        start_date_time=ended - timedelta(hours=1),
        kwh=Decimal(kwh),
        token_ref="ref",
        token_party=OWNER,
        auth_method=AuthMethod.AUTH_REQUEST,
        location_id="L1",
        evse_uid="E1",
        connector_id="1",
        currency="SEK",
        status=status,
        last_updated=ended,
    )
    spine = await spine_with(*ALL)
    stream = roamed_session_stream(OWNER, CPO, session.id)
    await spine.commit(Work((Append(stream, 0, (RoamedSessionChanged(session),)),)))
    return spine


async def found(spine: MemorySpine) -> list[str]:
    return [str(row["sample"]) for row in await spine.find(t.finding, {"code": CODE})]


def test_a_session_without_cdr_for_a_week_is_a_finding_once_until_its_cdr_comes() -> None:
    async def scene() -> None:
        spine = await told(OLD)
        assert await look_for_missing(spine, OWNER, NOW) == (SOURCE,)
        (sample,) = await found(spine)
        assert "10 kWh at SE*ELS" in sample
        await look_for_missing(spine, OWNER, NOW + timedelta(days=1))
        assert len(await found(spine)) == 1
        await receive(spine, changed())
        assert await look_for_missing(spine, OWNER, NOW + timedelta(days=2)) == ()
        assert await found(spine) == []

    run(scene())


def test_a_cdr_that_names_no_session_is_that_of_its_token_and_start() -> None:
    """So it is with partners of OCPI 2.1.1."""

    async def scene() -> None:
        for wrong in (timedelta(0), timedelta(minutes=1)):
            spine = await told(OLD)
            start = OLD - timedelta(hours=1) + wrong
            await receive(spine, changed(session_id=None, start_date_time=start, end_date_time=OLD))
            assert await look_for_missing(spine, OWNER, NOW) == ((SOURCE,) if wrong else ())

    run(scene())


def test_nothing_is_missing_of_a_session_that_goes_on_ended_lately_or_took_nothing() -> None:
    async def scene() -> None:
        for spine in (
            await told(OLD, SessionStatus.ACTIVE),
            await told(OLD, SessionStatus.INVALID),
            await told(OLD, kwh=0),
            await told(NOW - _WEEK + timedelta(hours=1)),
        ):
            assert await look_for_missing(spine, OWNER, NOW) == ()

    run(scene())


def test_a_finding_ends_with_the_time_in_which_a_cdr_is_looked_for() -> None:
    async def scene() -> None:
        spine = await told(OLD)
        await look_for_missing(spine, OWNER, NOW)
        assert await look_for_missing(spine, OWNER, NOW + timedelta(days=90)) == ()
        assert await found(spine) == []

    run(scene())


def test_the_finding_of_another_owner_stays() -> None:
    async def scene() -> None:
        row = {"source": "session:SE*RETX/SE*ELS/s1", "code": CODE, "sample": "x", "count": 1}
        spine = await spine_with(*ALL, Put(t.finding, row | {"first_at": NOW, "last_at": NOW}))
        await look_for_missing(spine, OWNER, NOW)
        assert await found(spine) == ["x"]

    run(scene())
