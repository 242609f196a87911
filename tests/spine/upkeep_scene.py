"""A database with something of everything in it, for those who copy and examine it."""

from __future__ import annotations

import asyncio
import hashlib
import sqlite3
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec

from elstrada.model.cdr import Cdr
from elstrada.model.facts import CdrIssued, CdrReceived, Fact, StationConnected
from elstrada.model.ids import (
    PartyId,
    agreement_stream,
    cdr_stream,
    contract_stream,
    peer_stream,
    roamed_session_stream,
)
from elstrada.model.party import BusinessDetails, Party, Peer, PeerState, Role
from elstrada.spine import tables as t
from elstrada.spine.face import Advance, Append, Put, Spine, Work
from elstrada.spine.sqlite import SqliteSpine
from elstrada.spine.upcast import decode

ELS, RET = PartyId("SE", "ELS"), PartyId("SE", "RET")
NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
STATIONS = 3
ROUNDS = 50
"""Of the station's facts; enough for several milestones."""
RAW_CDR = b'{"id": "as it was sent"}'
_GOLDEN = Path(__file__).parents[1] / "golden" / "facts"


class RunningClock:
    """Five seconds later each time it is asked."""

    def __init__(self) -> None:
        self._now = NOON

    def now(self) -> datetime:
        self._now += timedelta(seconds=5)
        return self._now


def golden(kind: str, number: int = 1) -> Fact:
    """A fact as it was once written, of a session and a command with this number."""
    text = (_GOLDEN / f"{kind}.json").read_text()
    for name in ("session", "command"):
        text = text.replace(f"{name}-id-1", f"{name}-id-{number}")
    return decode(kind, text)


async def fill(spine: Spine, rounds: int = ROUNDS) -> None:
    """Append every kind of fact, write records, move cursors."""
    await spine.commit(Work(writes=(_party(), *_records())))
    end = 0
    for number in range(STATIONS):
        end = await _station(spine, number, rounds)
    for stream, facts in _others().items():
        end = await spine.commit(Work(appends=(Append(stream, 0, facts),)))
    await spine.commit(Work(advance=Advance("rater", 5)))
    await spine.commit(Work(advance=Advance("roamer", end)))


def made(path: Path, rounds: int = ROUNDS) -> Path:
    """A SQLite database with all of it, closed in order."""

    async def scene() -> None:
        spine = SqliteSpine(path, RunningClock())
        await spine.start()
        await fill(spine, rounds)
        await spine.close()

    path.parent.mkdir(parents=True, exist_ok=True)
    asyncio.run(scene())
    return path


def content(path: Path) -> dict[str, list[tuple[object, ...]]]:
    """Every row of every table of a SQLite database, sorted."""
    with closing(sqlite3.connect(path)) as connection:
        return {
            table.name: sorted(connection.execute(f'SELECT * FROM "{table.name}"').fetchall(), key=repr)
            for table in t.metadata.sorted_tables
        }


async def _station(spine: Spine, number: int, rounds: int) -> int:
    stream = f"station/{ELS}/CP{number}"
    kinds = [path.stem for path in sorted(_GOLDEN.glob("*.json")) if path.stem.startswith(_OF_STATIONS)]
    facts = tuple(golden(kind, number) for kind in kinds)
    end, version = 0, 0
    for _ in range(rounds):
        work = Work(appends=(Append(stream, version, (*facts, StationConnected("ocpp1.6", f"c{version}"))),))
        end = await spine.commit(work)
        version += len(facts) + 1
    await spine.commit(Work(appends=(Append(stream, version, (), b"snapshot"),)))
    return end


_OF_STATIONS = (
    "Station",
    "Session",
    "Connector",
    "Meter",
    "Command",
    "Stray",
    "Authorization",
    "Reservation",
)


def _others() -> dict[str, tuple[Fact, ...]]:
    issued, received = golden("CdrIssued"), golden("CdrReceived")
    assert isinstance(issued, CdrIssued)
    assert isinstance(received, CdrReceived)
    digest = hashlib.sha256(RAW_CDR).hexdigest()
    cdr: Cdr = received.cdr
    return {
        agreement_stream(ELS, "peer-id-1"): (golden("AgreementMade"), golden("AgreementEnded")),
        cdr_stream(ELS, issued.cdr.party, issued.cdr.id): (issued, golden("CdrDelivered")),
        cdr_stream(RET, cdr.party, cdr.id): (CdrReceived(cdr, digest), golden("CdrChecked")),
        contract_stream(RET, "SERETC00000017"): (golden("BillLineAdded"),),
        roamed_session_stream(RET, ELS, "roamed"): (golden("RoamedSessionChanged"),),
        peer_stream(ELS, "p"): (golden("PeerChanged"),),
    }


def _party() -> Put:
    party = Party(ELS, (Role.CPO,), BusinessDetails("Nord, with\ttab, \\ and 'quotes'"), "SEK")
    return Put(t.party, {"party": str(ELS), "document": msgspec.json.encode(party).decode()})


def _records() -> tuple[Put, ...]:
    digest = hashlib.sha256(RAW_CDR).hexdigest()
    texts = {"empty": "", "lines": "one\ntwo\r\\n\ttab\\", "letters": "ÅÄÖ 🔌", "null": "\\N"}
    return (
        Put(t.document, {"hash": digest, "body": RAW_CDR, "recorded_at": NOON}),
        Put(
            t.peer,
            {
                "owner": str(ELS),
                "peer_id": "p",
                "state": "ACTIVE",
                "token_in_hash": bytes(range(256)),
                "document": msgspec.json.encode(_PEER).decode(),
                "changed_at": NOON,
            },
        ),
        *(Put(t.setting, {"name": name, "value": value}) for name, value in texts.items()),
        Put(
            t.mark,
            {
                "owner": str(ELS),
                "peer_id": "p",
                "kind": "cdr",
                "object_id": "1",
                "position": 3,
                "attempts": 0,
                "next_at": NOON,
            },
        ),
    )


_PEER = Peer(owner=ELS, id="p", state=PeerState.ACTIVE, changed_at=NOON)
