"""V37: a partner's session that ended, and of which no CDR came, is a finding until one does."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal

from msgspec.structs import replace
from test_roles_inbox import agreeing

from cdr_scene import ALL, CPO, NOW, OWNER, START, changed, receive, run, spine_with
from elstrada.model.examination import Examination, Thresholds
from elstrada.model.facts import CdrReceived, RoamedSessionChanged
from elstrada.model.ids import cdr_stream, roamed_session_stream
from elstrada.model.session import Session, SessionStatus
from elstrada.model.token import AuthMethod
from elstrada.roles.missing_cdrs import CODE, look_for_missing
from elstrada.spine import tables as t
from elstrada.spine.face import Append, Put, Work
from elstrada.spine.memory import MemorySpine
from elstrada.spine.paging import PAGE

SOURCE = f"session:{OWNER}/{CPO}/s1"
_WEEK = timedelta(days=7)
OLD = NOW - _WEEK - timedelta(hours=1)
SESSION = Session(
    party=CPO,
    id="s1",
    start_date_time=OLD - timedelta(hours=1),
    kwh=Decimal(10),
    token_ref="ref",
    token_party=OWNER,
    auth_method=AuthMethod.AUTH_REQUEST,
    location_id="L1",
    evse_uid="E1",
    connector_id="1",
    currency="SEK",
    status=SessionStatus.COMPLETED,
    last_updated=OLD,
)


async def told(
    ended: datetime, status: SessionStatus = SessionStatus.COMPLETED, kwh: int = 10
) -> MemorySpine:
    """A spine that knows a session at the CPO, last told when it ended."""
    started = ended - timedelta(hours=1)
    session = replace(SESSION, start_date_time=started, status=status, kwh=Decimal(kwh), last_updated=ended)
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


async def with_sessions(count: int, *writes: Put) -> MemorySpine:
    """As many sessions, a second apart, all ended long enough ago."""
    sessions = [
        replace(
            SESSION, id=f"s{number:05}", start_date_time=SESSION.start_date_time + timedelta(seconds=number)
        )
        for number in range(count)
    ]
    spine = await spine_with(*ALL, *writes)
    facts = [(roamed_session_stream(OWNER, CPO, one.id), RoamedSessionChanged(one)) for one in sessions]
    await spine.commit(Work(tuple(Append(stream, 0, (fact,)) for stream, fact in facts)))
    return spine


def cdr_of(number: int, after: str = "") -> Append:
    cdr = changed(id=f"c{number:05}{after}", session_id=f"s{number:05}")
    return Append(cdr_stream(OWNER, CPO, cdr.id), 0, (CdrReceived(cdr, "a"),))


def test_no_session_lacks_its_cdr_because_others_have_several() -> None:
    """A page of sessions, the first of which have more CDRs, has more than a page of CDRs."""

    async def scene() -> None:
        spine = await with_sessions(PAGE)
        cdrs = [cdr_of(number) for number in range(PAGE)]
        await spine.commit(Work((*cdrs, *(cdr_of(number, "-C") for number in range(5)))))
        assert await look_for_missing(spine, OWNER, NOW) == ()

    run(scene())


def test_findings_begin_and_end_however_many_there_are_and_leave_those_of_others() -> None:
    count = PAGE + 5

    async def scene() -> None:
        row = {"code": CODE, "sample": "x", "count": 1, "first_at": START, "last_at": START}
        others = [Put(t.finding, {"source": f"session:SE*AAA/{n:05}", **row}) for n in range(count)]
        spine = await with_sessions(count, *others)
        assert len(await look_for_missing(spine, OWNER, NOW)) == count
        begun = await spine.count(t.finding, {"code": CODE})
        await look_for_missing(spine, OWNER, NOW + timedelta(days=92))
        left = await spine.count(t.finding, {"code": CODE})
        assert [rows[0]["count"] for rows in (begun, left)] == [2 * count, count]

    run(scene())


def test_no_threshold_and_no_time_that_a_partner_told_ends_the_look() -> None:
    """Neither can be reckoned with beyond the calendar."""

    async def scene() -> None:
        patient = await told(OLD)
        await agreeing(patient, Examination(thresholds=Thresholds(missing_days=9_999_999)))
        assert await look_for_missing(patient, OWNER, NOW) == ()
        spine = await spine_with(*ALL)
        fact = RoamedSessionChanged(replace(SESSION, last_updated=datetime.max.replace(tzinfo=UTC)))
        await spine.commit(Work((Append(roamed_session_stream(OWNER, CPO, "s1"), 0, (fact,)),)))
        assert await look_for_missing(spine, OWNER, NOW) == ()

    run(scene())
