"""What stations wrote in their books against what the store holds: P1 to P4, and the sums."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Sequence
from datetime import datetime
from decimal import Decimal

from installation import Json
from load_stations import LoadStation, Said

Rows = Callable[[str], list[Json]]
"""Asks the store: a query that every engine understands to its rows, each a dictionary."""
Stations = Sequence[LoadStation]


def answers(stations: Stations) -> int:
    """How many messages were answered so far."""
    return sum(station.answers for station in stations)


def told_of(stations: Stations) -> str:
    repeats = sum(station.repeats for station in stations)
    sessions = sum(len(station.charged_wh) for station in stations)
    return f"{answers(stations)} messages answered, {repeats} sent again, {sessions} sessions"


def check_log(rows: Rows, stations: Stations, *, unanswered: int = 0) -> None:
    """Every answered message is in the log exactly once, and nothing that was never said.

    Args:
        unanswered: how many messages at most stations still wait for an answer to; they may be there too.
    """
    answered = sum((station.answered for station in stations), Counter[Said]())
    assert set(answered.values()) == {1}
    logged = Counter(
        said
        for row in rows("select stream, kind, body from log where stream like 'station/%'")
        if row["kind"] in FACTS
        for said in told_by(row["stream"].split("/")[2], row["kind"], json.loads(row["body"]))
    )
    assert not answered - logged, "acknowledged, and not in the log"
    assert set(logged.values()) == {1}, "counted twice"
    # A message may tell of two things.
    assert (logged - answered).total() <= 2 * unanswered


FACTS = {"SessionStarted": "meter_wh", "SessionEnded": "meter_wh", "MeterSampled": "energy_wh"}
"""The facts that stations' messages became, and where they keep the register."""


def told_by(station: str, kind: str, fact: Json) -> list[Said]:
    readings = fact["samples"] if kind == "MeterSampled" else [fact]
    return [Said(kind, station, datetime.fromisoformat(one["at"]), one[FACTS[kind]]) for one in readings]


def check_sessions(rows: Rows, stations: Stations) -> None:
    """Each session has the energy that its station measured."""
    measured = {(one.name, number): wh for one in stations for number, wh in one.charged_wh.items()}
    known = rows("select station_id, transaction_id, energy_wh, completed_at from session")
    assert {(row["station_id"], row["transaction_id"]): row["energy_wh"] for row in known} == measured
    assert all(row["completed_at"] for row in known)


def check_money(rows: Rows, stations: Stations) -> None:
    """Every session has one CDR, brought once to the eMSP, accepted once, billed once (P4)."""
    sessions = Counter(row["session_id"] for row in rows("select session_id from session"))
    facts = [
        (row["kind"], json.loads(row["body"]))
        for row in rows("select kind, body from log where stream like 'cdr/%' or stream like 'contract/%'")
    ]
    verdicts = rows("select stream, body from log where kind = 'CdrChecked'")
    issued = [fact["cdr"] for kind, fact in facts if kind == "CdrIssued"]
    received = [fact["cdr"] for kind, fact in facts if kind == "CdrReceived"]
    checked = [(row["stream"], json.loads(row["body"])) for row in verdicts]
    lines = [fact["line"] for kind, fact in facts if kind == "BillLineAdded"]
    assert Counter(cdr["session_id"] for cdr in issued) == sessions
    assert Counter(cdr["session_id"] for cdr in received) == sessions
    assert list(Counter(stream for stream, fact in checked if fact["accepted"]).values()) == [1] * len(
        sessions
    )
    # One that overtook its session, told by another shard, waits for it and is accepted then.
    held = [fact["findings"] for _, fact in checked if not fact["accepted"]]
    assert all(any(text.startswith("V37 ") for text in findings) for findings in held), held
    assert Counter(line["cdr_id"] for line in lines) == Counter(cdr["id"] for cdr in issued)
    charged = Decimal(sum(wh for one in stations for wh in one.charged_wh.values())) / 1000
    assert sum(Decimal(cdr["total_energy"]) for cdr in issued) == charged
    assert sum(Decimal(line["quantity_kwh"]) for line in lines) == charged


def settled(rows: Rows, stations: Stations) -> bool:
    """Has every session its bill line?"""
    (row,) = rows("select count(*) as lines from bill_line")
    return row["lines"] >= sum(len(station.charged_wh) for station in stations)


def unsettled(rows: Rows) -> str:
    """What keeps sessions from their bill lines, for whoever has to find out."""
    open_sessions = rows(
        "select session_id, station_id, ended_at, completed_at from session"
        " where session_id not in (select session_id from cdr where owner = 'SE*ELS')"
    )
    unbilled = rows(
        "select cdr_id, owner, state, findings from cdr where state not in ('ACCEPTED', 'DELIVERED')"
    )
    cursors = rows("select follower, shard, position from cursor")
    ends = rows("select shard, max(position) as last from log group by shard")
    findings = rows("select source, code, count, sample from finding")
    return "\n".join(
        f"{name}: {found[:20]} ({len(found)})"
        for name, found in (
            ("sessions without CDR", open_sessions),
            ("CDRs on their way", unbilled),
            ("cursors", cursors[:100]),
            ("log ends", ends),
            ("findings", findings),
        )
    )
