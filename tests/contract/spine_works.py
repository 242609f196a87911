"""Random works for spines: few streams, few rows, so that they meet each other."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import msgspec
from hypothesis import strategies as st

from elstrada.model import facts as f
from elstrada.model.device import CommandName, CommandResult, ConnectorStatus
from elstrada.model.ids import PartyId, cdr_stream, contract_stream, roamed_session_stream, station_stream
from elstrada.model.invoice import BillLine
from elstrada.model.quantity import MeterSample
from elstrada.model.session import Session, SessionStatus
from elstrada.model.token import AuthMethod
from elstrada.spine import tables as t
from elstrada.spine.face import Append, Delete, Put, Work

ELS, RET = PartyId("SE", "ELS"), PartyId("SE", "RET")
NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)

moments = st.integers(0, 10**8).map(lambda us: NOON + timedelta(microseconds=us))
_numbers = st.none() | st.integers(0, 2**62)
_texts = st.none() | st.sampled_from(["", "one", "ÅÄÖ", "quote ' and \" and \n"])
_amounts = st.decimals(0, 1000, places=3)


def _station_facts(station: str) -> st.SearchStrategy[f.Fact]:
    """Facts of a station; its sessions and commands are nobody else's, as every row of a view is."""
    sessions = st.sampled_from([f"{station}-1", f"{station}-2"])
    return st.one_of(
        st.builds(f.StationConnected, protocol=st.just("ocpp1.6"), connection_id=st.sampled_from(["a", "b"])),
        st.builds(f.StationDisconnected, connection_id=st.just("a"), reason=st.just("gone")),
        st.builds(f.StationBooted, vendor=st.just("V"), model=st.just("M"), serial=_texts, firmware=_texts),
        st.builds(
            f.ConnectorStatusChanged,
            evse_id=st.integers(0, 2),
            connector_id=st.just(1),
            status=st.sampled_from(ConnectorStatus),
            at=moments,
            error_code=_texts,
        ),
        st.builds(
            f.SessionStarted,
            session_id=sessions,
            transaction_id=st.just("7"),
            start_key=st.just("key"),
            evse_id=st.just(1),
            connector_id=st.just(1),
            at=moments,
            token_party=st.none() | st.just(RET),
            auth_method=st.none() | st.sampled_from(AuthMethod),
            meter_wh=_numbers,
            charging=st.none() | st.booleans(),
        ),
        st.builds(f.SessionUpdated, session_id=sessions, at=moments, charging=st.none() | st.booleans()),
        st.builds(
            f.MeterSampled,
            evse_id=st.just(1),
            connector_id=st.just(1),
            samples=st.builds(MeterSample, at=moments, energy_wh=_numbers).map(lambda sample: (sample,)),
            session_id=st.none() | sessions,
            energy_wh=_numbers,
            power_w=_numbers,
        ),
        st.builds(f.SessionEnded, session_id=sessions, at=moments, energy_wh=_numbers, reason=_texts),
        st.builds(
            f.SessionCompleted,
            session_id=sessions,
            started_at=moments,
            ended_at=moments,
            energy_wh=st.integers(0, 10**9),
        ),
        st.builds(
            f.CommandRequested,
            command_id=st.just(f"{station}-c"),
            name=st.sampled_from(CommandName),
            asked_by=st.just(ELS),
        ),
        st.builds(
            f.CommandAnswered, command_id=st.just(f"{station}-c"), result=st.sampled_from(CommandResult)
        ),
        st.builds(
            f.StrayReported, kind=st.just("k"), transaction_id=st.just("1"), at=moments, body=st.just("{}")
        ),
    )


def _roamed(status: SessionStatus, kwh: Decimal, at: datetime) -> f.RoamedSessionChanged:
    session = Session(
        party=ELS,
        id="roamed",
        start_date_time=NOON,
        kwh=kwh,
        token_ref="ref",
        token_party=RET,
        auth_method=AuthMethod.WHITELIST,
        location_id="LOC",
        evse_uid="1",
        connector_id="1",
        currency="EUR",
        status=status,
        last_updated=at,
    )
    return f.RoamedSessionChanged(session)


def _line(number: int, cdr: int, net: Decimal) -> f.BillLineAdded:
    line = BillLine(
        id=f"line-{number}",
        customer_id="17",
        contract_id="SERETC00000017",
        supply_point_id="735999000000000001",
        plan_id="plan",
        cdr_party=ELS,
        cdr_id=f"cdr-{cdr}",
        evse_id="SE*ELS*E1",
        place="Malmö",
        start_date_time=NOON,
        end_date_time=NOON + timedelta(hours=1),
        time_zone="Europe/Stockholm",
        country="SWE",
        quantity_kwh=Decimal("12.5"),
        net=net,
        vat_percent=None,
        vat=None,
        gross=None,
        currency="SEK",
        wholesale_net=Decimal("1.0"),
        wholesale_currency="EUR",
    )
    return f.BillLineAdded(line)


_facts_by_stream = {
    station_stream(ELS, "CP1"): _station_facts("CP1"),
    station_stream(ELS, "CP2"): _station_facts("CP2"),
    station_stream(RET, "CP1"): _station_facts("CP1"),
    roamed_session_stream(RET, ELS, "roamed"): st.builds(
        _roamed, st.sampled_from(SessionStatus), _amounts, moments
    ),
    cdr_stream(ELS, ELS, "cdr-1"): st.builds(f.CdrDelivered, peer_id=st.just("p"), url=_texts)
    | st.builds(f.CdrChecked, accepted=st.booleans(), findings=st.just(("V01", "V02"))),
    # Two lines for one CDR break a unique index: that work alone must fail.
    contract_stream(RET, "SERETC00000017"): st.builds(_line, st.integers(1, 3), st.integers(1, 3), _amounts),
}


class Draft(msgspec.Struct):
    """A work that does not know yet where its streams are."""

    appends: list[tuple[str, tuple[f.Fact, ...], int, bytes | None]]
    """Stream, facts, how far off the expected version is, snapshot."""
    writes: list[Put | Delete]

    def work(self, versions: dict[str, int]) -> Work:
        """The work, given where the streams are."""
        now = dict(versions)
        appends: list[Append] = []
        for stream, facts, off, snapshot in self.appends:
            version = now.get(stream, 0)
            appends.append(Append(stream, version + off, facts, snapshot))
            now[stream] = version + len(facts)
        return Work(tuple(appends), tuple(self.writes))


@st.composite
def _append(draw: st.DrawFn) -> tuple[str, tuple[f.Fact, ...], int, bytes | None]:
    stream = draw(st.sampled_from(sorted(_facts_by_stream)))
    facts = draw(st.lists(_facts_by_stream[stream], max_size=4))
    off = draw(st.sampled_from([0, 0, 0, 0, 0, 0, 0, 1, -1]))
    return stream, tuple(facts), off, draw(st.none() | st.binary(max_size=3))


_setting = st.sampled_from(["a", "b"])
_expected_setting = st.none() | st.just({}) | st.sampled_from([{"value": "1"}, {"value": "2"}])
_hash = st.sampled_from([None, b"x", b"y"])
_writes = st.one_of(
    st.builds(
        lambda name, value, expected: Put(t.setting, {"name": name, "value": value}, expected),
        _setting,
        st.sampled_from(["1", "2"]),
        _expected_setting,
    ),
    st.builds(
        lambda name, expected: Delete(t.setting, {"name": name}, expected), _setting, _expected_setting
    ),
    # Without ``document`` the row can be changed but not made; the hash must be unique.
    st.builds(
        lambda peer, value, whole: Put(
            t.peer,
            {"owner": "SE*ELS", "peer_id": peer, "token_in_hash": value}
            | ({"state": "ACTIVE", "document": "{}", "changed_at": NOON} if whole else {}),
        ),
        st.sampled_from(["p", "q"]),
        _hash,
        st.booleans(),
    ),
)
drafts = st.builds(Draft, appends=st.lists(_append(), max_size=3), writes=st.lists(_writes, max_size=3))
