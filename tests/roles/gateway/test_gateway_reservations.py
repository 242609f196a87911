"""Reservations over real sockets: stations on the PyPI package, the real gateway, the real verbs."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec
import pytest
from ocpp.routing import on
from ocpp.v16 import call as call16
from test_foreign_stations import CPO, KEYS, House, running
from test_profiles import Limiting16, Limiting21, Limiting201, done, inhabited

from elstrada.model.facts import ReservationChanged, SessionStarted
from elstrada.model.ids import station_stream
from elstrada.model.reservation import ReservationState
from elstrada.model.token import Token
from elstrada.roles.desk.commands import CommandEnd
from elstrada.roles.desk.face import Kind, Refusal
from elstrada.roles.desk.reservations import ReservationLine
from elstrada.roles.desk.station_card import StationCard
from elstrada.roles.gateway.ends import RESERVATION_LOST
from elstrada.spine import tables as t
from elstrada.spine.face import Put, Work
from nats_server import until as until_so

CARD, STRANGER = "04A1B2C3", "04FFFFFF"


class Reserving:
    """Says to reservations what it is told to say, and keeps what it was asked."""

    _call_result: Any

    def __init__(self, name: str, socket: Any) -> None:
        super().__init__(name, socket)  # type: ignore[call-arg]
        self.says: str | None = "Accepted"
        self.asked: list[dict[str, Any]] = []

    async def _said(self, asked: dict[str, Any]) -> str:
        self.asked.append(asked)
        if self.says is None:
            await asyncio.Event().wait()
        return str(self.says)

    @on("ReserveNow")
    async def on_reserve(self, **asked: Any) -> Any:
        return self._call_result.ReserveNow(status=await self._said(asked))

    @on("CancelReservation")
    async def on_cancel(self, **asked: Any) -> Any:
        return self._call_result.CancelReservation(status=await self._said(asked))


class Reserving16(Reserving, Limiting16):
    async def charge(self, uid: str) -> str:
        """Begin with a token; returns what it was judged."""
        answer = await self.call(
            call16.StartTransaction(
                connector_id=1, id_tag=uid, meter_start=1, timestamp=datetime.now(UTC).isoformat()
            )
        )
        return str(answer.id_tag_info["status"])

    async def fail(self) -> None:
        await self.call(
            call16.StatusNotification(connector_id=1, error_code="GroundFailure", status="Faulted")
        )


class Reserving201(Reserving, Limiting201):
    started = 0

    async def charge(self, uid: str) -> str:
        self.started += 1
        answer = await self.call(
            self.calls.TransactionEvent(
                event_type="Started",
                timestamp=datetime.now(UTC).isoformat(),
                trigger_reason="Authorized",
                seq_no=0,
                transaction_info={"transactionId": f"T-{self.started}"},
                evse={"id": 1, "connectorId": 1},
                id_token={"idToken": uid, "type": "ISO14443"},
            )
        )
        return str(answer.id_token_info["status"])

    async def fail(self) -> None:
        await self.call(
            self.calls.StatusNotification(
                timestamp=datetime.now(UTC).isoformat(), connector_status="Faulted", evse_id=1, connector_id=1
            )
        )

    async def update(self, number: int, status: str) -> None:
        await self.call(
            self.calls.ReservationStatusUpdate(reservation_id=number, reservation_update_status=status)
        )

    @on("RequestStartTransaction")
    def on_start(self, **asked: Any) -> Any:
        self.asked.append(asked)
        return self._call_result.RequestStartTransaction(status="Accepted")


class Reserving21(Reserving201, Limiting21):
    pass


KINDS = {
    "ST16": ("ocpp1.6", Reserving16),
    "ST201": ("ocpp2.0.1", Reserving201),
    "ST21": ("ocpp2.1", Reserving21),
}
EACH = pytest.mark.parametrize("name", sorted(KINDS))
IN_2X = pytest.mark.parametrize("name", ["ST201", "ST21"])


@asynccontextmanager
async def plugged(folder: Path, name: str) -> AsyncIterator[tuple[House, Any]]:
    protocol, kind = KINDS[name]
    async with inhabited(folder) as home, home.dial(name, protocol) as socket:
        station = kind(name, socket)
        async with running(station):
            await known(home, STRANGER)
            await station.begin()
            yield home, station


async def known(home: House, uid: str, kind: str = "RFID") -> None:
    """Another token that may charge."""
    row = (await home.spine.find(t.token, {"ref": KEYS.token_ref(CARD)}))[0]
    card = msgspec.json.decode(str(row["document"]), type=Token)
    document = msgspec.json.encode(msgspec.structs.replace(card, uid=uid, type=kind)).decode()
    changed = {"uid": uid, "type": kind, "ref": KEYS.token_ref(uid), "document": document}
    await home.spine.commit(Work(writes=(Put(t.token, row | changed),)))


async def reserve(home: House, name: str, **values: object) -> ReservationLine:
    given: dict[str, object] = {"token": CARD, "minutes": 30, "evse": 1}
    made = await done(home, "station reserve", station=name, **(given | values))
    assert isinstance(made, ReservationLine), made
    return made


async def states(home: House, name: str) -> list[ReservationState]:
    recorded = await home.spine.facts(station_stream(CPO, name), limit=1_000)
    return [one.fact.state for one in recorded if isinstance(one.fact, ReservationChanged)]


@EACH
async def test_an_evse_is_reserved_for_a_token_which_alone_may_start_there(tmp_path: Path, name: str) -> None:
    async with plugged(tmp_path, name) as (home, station):
        made = await reserve(home, name)
        (asked,) = station.asked
        if name == "ST16":
            assert asked.items() >= {"connector_id": 1, "id_tag": CARD, "reservation_id": made.number}.items()
        else:
            token = {"id_token": CARD, "type": "ISO14443"}
            assert asked.items() >= {"evse_id": 1, "id_token": token, "id": made.number}.items()
        card = await done(home, "station show", station=name)
        assert isinstance(card, StationCard)
        assert [one.number for one in card.reservations] == [made.number]
        assert CARD not in str(card)
        assert await station.charge(STRANGER) == "Invalid"
        assert await station.charge(CARD) == "Accepted"
        assert await states(home, name) == [ReservationState.HELD, ReservationState.USED]
        assert await done(home, "station reservations", station=name) == ()
        (over,) = await done(home, "station reservations", station=name, ended=True)
        recorded = await home.spine.facts(station_stream(CPO, name), limit=1_000)
        started = [one.fact for one in recorded if isinstance(one.fact, SessionStarted)]
        assert over.ended_by == started[-1].session_id


@EACH
@pytest.mark.parametrize(
    ("says", "result"),
    [
        ("Occupied", "OCCUPIED"),
        ("Faulted", "INOPERATIVE"),
        ("Unavailable", "INOPERATIVE"),
        ("Rejected", "REJECTED"),
    ],
)
async def test_what_the_station_answers_is_told(tmp_path: Path, name: str, says: str, result: str) -> None:
    async with plugged(tmp_path, name) as (home, station):
        station.says = says
        told = await done(home, "station reserve", station=name, token=CARD, minutes=30, evse=1)
        assert isinstance(told, Refusal)
        assert told.kind is Kind.REFUSED
        assert result in told.says
        assert says in told.says
        assert await states(home, name) == []


@EACH
async def test_a_reservation_is_cancelled_once(tmp_path: Path, name: str) -> None:
    async with plugged(tmp_path, name) as (home, station):
        made = await reserve(home, name, evse=None)
        assert station.asked[0].get("evse_id" if name != "ST16" else "connector_id") == (
            None if name != "ST16" else 0
        )
        over = await done(home, "station unreserve", station=name, number=made.number)
        assert isinstance(over, ReservationLine), over
        assert (over.state, over.ended_by) == (ReservationState.CANCELED, str(CPO))
        assert station.asked[-1] == {"reservation_id": made.number}
        again = await done(home, "station unreserve", station=name, number=made.number)
        assert isinstance(again, Refusal)
        assert again.kind is Kind.CONFLICT


@EACH
async def test_a_station_that_knows_no_such_reservation_keeps_none(tmp_path: Path, name: str) -> None:
    async with plugged(tmp_path, name) as (home, station):
        made = await reserve(home, name)
        station.says = "Rejected"
        told = await done(home, "station unreserve", station=name, number=made.number)
        assert isinstance(told, Refusal)
        assert "UNKNOWN" in told.says
        assert (await states(home, name))[-1] is ReservationState.REMOVED


@EACH
async def test_a_fault_loses_the_reservation(tmp_path: Path, name: str) -> None:
    async with plugged(tmp_path, name) as (home, station):
        await reserve(home, name)
        await station.fail()
        assert (await states(home, name))[-1] is ReservationState.LOST
        await home.findings.flush()
        source = f"station:{CPO}/{name}"
        assert len(await home.spine.find(t.finding, {"source": source, "code": RESERVATION_LOST})) == 1


@IN_2X
async def test_the_station_tells_that_a_reservation_is_over(tmp_path: Path, name: str) -> None:
    async with plugged(tmp_path, name) as (home, station):
        made = await reserve(home, name)
        await station.update(made.number, "Removed")
        assert (await states(home, name))[-1] is ReservationState.REMOVED


@IN_2X
async def test_a_type_of_connector_and_what_belongs_to_a_token_are_told_as_they_are(
    tmp_path: Path, name: str
) -> None:
    async with plugged(tmp_path, name) as (home, station):
        await reserve(
            home,
            name,
            evse=None,
            connector_type="cType2",
            token="17:AB:00",
            token_type="MacAddress",
            additional=["ParkingTicket=P-17"],
        )
        (asked,) = station.asked
        assert asked["connector_type"] == "cType2"
        assert "evse_id" not in asked
        assert asked["id_token"] == {
            "id_token": "17:AB:00",
            "type": "MacAddress",
            "additional_info": [{"additional_id_token": "P-17", "type": "ParkingTicket"}],
        }


async def test_1_6_has_no_types_of_connectors(tmp_path: Path) -> None:
    async with plugged(tmp_path, "ST16") as (home, station):
        told = await done(
            home, "station reserve", station="ST16", token=CARD, minutes=5, connector_type="cType2"
        )
        assert isinstance(told, Refusal)
        assert "cannot reserve a type of connector" in told.says
        assert station.asked == []


@EACH
async def test_a_session_is_started_from_afar_without_a_token_where_ocpp_can(
    tmp_path: Path, name: str
) -> None:
    async with plugged(tmp_path, name) as (home, station):
        end = await done(
            home, "station command", station=name, command="START", evse=1, no_authorization=True
        )
        if name == "ST16":
            assert isinstance(end, Refusal)
            assert "without a token" in end.says
            return
        assert isinstance(end, CommandEnd), end
        (asked,) = station.asked
        assert asked["id_token"] == {"id_token": "", "type": "NoAuthorization"}


async def test_a_token_is_shown_with_the_type_of_its_record_where_none_is_named(tmp_path: Path) -> None:
    async with plugged(tmp_path, "ST201") as (home, station):
        await known(home, "APP-1", "APP_USER")
        await reserve(home, "ST201", token="APP-1")
        assert station.asked[0]["id_token"] == {"id_token": "APP-1", "type": "Central"}


async def test_a_reservation_survives_a_restart_of_the_gateway_and_ends_by_the_clock(tmp_path: Path) -> None:
    async with plugged(tmp_path, "ST16") as (home, _):
        made = await reserve(home, "ST16")
    async with plugged(tmp_path, "ST16") as (home, station):
        assert await station.charge(STRANGER) == "Invalid"
        (line,) = await done(home, "station reservations", station="ST16")
        assert line.number == made.number
        soon = datetime.now(UTC).timestamp() + 1
        until = datetime.fromtimestamp(soon, UTC)
        replaced = await reserve(home, "ST16", minutes=None, until=until, replace=made.number)
        assert replaced.number == made.number
        for _ in range(400):
            if ReservationState.EXPIRED in await states(home, "ST16"):
                break
            await asyncio.sleep(0.05)
        assert (await states(home, "ST16"))[-1] is ReservationState.EXPIRED
        assert await station.charge(STRANGER) == "Accepted"


async def test_a_reservation_of_a_station_that_is_away_ends_all_the_same(tmp_path: Path) -> None:
    async with inhabited(tmp_path) as home:
        async with home.dial("ST16", "ocpp1.6") as socket:
            station = Reserving16("ST16", socket)
            async with running(station):
                await station.begin()
                until = datetime.fromtimestamp(datetime.now(UTC).timestamp() + 0.7, UTC)
                await reserve(home, "ST16", minutes=None, until=until)
        await asyncio.sleep(0.8)
        await until_so(lambda: not home.gateway.sockets())
        await home.gateway._sweep()
        assert (await states(home, "ST16"))[-1] is ReservationState.EXPIRED


async def test_without_an_answer_the_reservation_is_uncertain(tmp_path: Path) -> None:
    async with plugged(tmp_path, "ST16") as (home, station):
        station.says = None
        waits = home.desk.waits
        home.desk = type(home.desk)(
            spine=home.desk.spine,
            keys=home.desk.keys,
            clock=home.desk.clock,
            chance=home.desk.chance,
            post=home.desk.post,
            waits=type(waits)(command_s=1),
        )
        told = await done(home, "station reserve", station="ST16", token=CARD, minutes=30, evse=1)
        assert isinstance(told, Refusal)
        assert told.kind is Kind.UNKNOWN
        (line,) = await done(home, "station reservations", station="ST16")
        assert line.state is ReservationState.UNCERTAIN
