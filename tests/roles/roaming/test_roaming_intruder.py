"""A registered peer that asks for anything: what is not its own stays as it was (T17, T18, R-09, R-32, R-34).

The intruder is CPO and eMSP at once, at our CPO and at our eMSP, so that every interface is open to it. It names
its own objects and others', in paths, bodies and headers; it repeats itself, and dates things in the past and in
the future.
"""

from __future__ import annotations

import random
from collections.abc import Mapping
from typing import Any

import msgspec
import pytest
from roaming_world import (
    ELS,
    EVIL,
    RET,
    START,
    Node,
    World,
    aio,
    at_station,
    bookable,
    call,
    furnished,
    issue,
    location,
    started,
)
from sqlalchemy import Table
from wire_documents import (
    BOOKING,
    BOOKING_LOCATION,
    BOOKING_REQUEST,
    CALENDAR,
    CDR,
    CONNECTOR,
    EVSE,
    INVOICE,
    LOCATION,
    SESSION,
    TARIFF,
    TOKEN,
)

from elstrada.model import facts as f
from elstrada.model.facts import BookingChanged
from elstrada.model.party import Role
from elstrada.model.waits import Waits
from elstrada.ocpi.endpoints import Endpoint, Side, module_path
from elstrada.ocpi.versions import TABLES
from elstrada.roles.roaming.rows import location_row
from elstrada.spine import tables as t
from elstrada.spine.face import Cell, Put, Recorded, Row

PEER = "evil"
OF_A_PARTY = {
    "location": "party",
    "tariff": "party",
    "former_tariff": "party",
    "token": "party",
    "roamed_session": "party",
    "cdr": "party",
    "invoice_record": "party",
    "invoiced_cdr": "party",
    "surplus": "party",
    "terminal": "party",
    "advice": "party",
    "terminal_session": "party",
    "identity": "party",
    "peer": "peer_id",
    "booking": "made_for",
    "booking_paper": "made_for",
    "booking_location": "party",
    "roamed_booking": "party",
    "callback": "peer_id",
    "steering": "party",
    "roamed_profile": "party",
    "mark": "peer_id",
}
"""Which column says whose a row is. No row of another table may change, but those of ``COUNTED``."""
COUNTED = frozenset({"finding"})
"""What is counted of peers."""
GROWING = frozenset({"document", "identity", "allowance"})
"""What peers sent as it came, by its hash, whom they say they charged, and what their own orders bound: there may be
more, and no other."""
MOST = 200


@pytest.mark.parametrize("seed", range(100))
def test_no_sequence_of_requests_changes_what_is_not_the_callers(seed: int) -> None:
    _besiege(seed)


@pytest.mark.soak
@pytest.mark.parametrize("block", range(200))
def test_no_sequence_of_very_many_changes_what_is_not_the_callers(block: int) -> None:
    """20,000 sequences in all."""
    for seed in range(1_000 + block * 100, 1_100 + block * 100):
        _besiege(seed)


def _besiege(seed: int) -> None:
    @aio
    async def scene() -> None:
        chance = random.Random(seed)
        world, tokens = await _invaded(chance)
        before = await _kept(world)
        intruder = Intruder(chance, tokens)
        for _ in range(chance.randint(1, MOST)):
            node, token, method, path, body, more = intruder.request(world)
            answer = await call(node, token, method, path, body, **more)
            assert answer.status < 500, (method, path, answer)
        await world.settle()
        after = await _kept(world)
        for name, rows in before.items():
            if name.partition(" ")[2] in GROWING:
                assert rows == {key: after[name].get(key) for key in rows}, name
            else:
                assert rows == after[name], name

    scene()


async def _invaded(chance: random.Random) -> tuple[World, dict[str, str]]:
    """Two parties who work together, and a third one registered with each; and the tokens that it shows them."""
    world = await furnished(World(waits=Waits(), versions=(chance.choice(tuple(TABLES)),)))
    able = ("CHARGING_PREFERENCES_CAPABLE", "CHARGING_PROFILE_CAPABLE", "RESERVABLE")
    evse = msgspec.structs.replace(location().evses[0], capabilities=able)
    await world.els.put(Put(t.location, location_row(ELS, location(evses=(evse,)), "own")))
    await at_station(world, f.StationConnected("ocpp1.6", "c1", "n1"), started(world))
    await issue(world)
    if world.els.means.versions == ("2.3.0",):
        await bookable(world)
        booked = await world.as_ret("POST", "2.3.0/cpo/bookings", BOOKING_REQUEST)
        assert booked.data["reservation_status"] == "RESERVED"
    await world.settle()
    evil = Node(
        world.net, world.clock, "evil.example", world.els.spine.__class__(world.clock), Waits(), tuple(TABLES)
    )
    await evil.party(EVIL, Role.CPO, Role.EMSP, Role.PTP)
    tokens: dict[str, str] = {}
    for node, own in ((world.els, ELS), (world.ret, RET)):
        token_a = await node.roaming.registrar.invite(own, PEER)
        await evil.roaming.registrar.register(EVIL, node.host.partition(".")[0], node.versions_url, token_a)
        met = await evil.roaming.peers.get(EVIL, node.host.partition(".")[0])
        assert met is not None
        token = await evil.roaming.peers.token_out(met)
        assert token is not None
        tokens[node.host] = token
    await world.settle()
    return world, tokens


class Intruder:
    """What it asks next."""

    def __init__(self, chance: random.Random, tokens: Mapping[str, str]) -> None:
        self._chance, self._tokens = chance, tokens
        self._said: list[Any] = []
        self._named: dict[str, str] = {}
        """What the request names, so that half of them are right in themselves."""

    def request(self, world: World) -> tuple[Node, str, str, str, object, dict[str, Any]]:
        if self._said and self._chance.random() < 0.2:
            return self._chance.choice(self._said)
        node = self._chance.choice((world.els, world.ret))
        version = self._chance.choice(node.means.versions)
        served = Side.CPO if node is world.els else Side.EMSP
        endpoint = self._chance.choice(TABLES[version])
        if endpoint.side not in (served, Side.NONE) and self._chance.random() < 0.8:
            return self.request(world)  # Mostly where there is something to break.
        if endpoint.module == "credentials" and endpoint.method == "DELETE":
            return self.request(world)  # It would be the end of the siege.
        self._named = {}
        path = "/".join(
            part if not part.startswith("{") else self._segment(part[1:-1])
            for part in f"{version}/{module_path(endpoint)}/{endpoint.template}".strip("/").split("/")
        )
        more = {"query": self._query(endpoint), "headers": self._headers()}
        said = (node, self._tokens[node.host], endpoint.method, path, self._body(endpoint), more)
        self._said.append(said)
        return said

    def _segment(self, name: str) -> str:
        pools: dict[str, tuple[str, ...]] = {
            "country_code": ("SE", "SE", "SE", "SE", "SE", "se", "NL"),
            "party_id": ("EVL", "EVL", "EVL", "EVL", "ELS", "RET", "evl", "els"),
            "location_id": ("L1", "L9", "l1", "X"),
            "evse_uid": ("E1", "E9", "e1"),
            "connector_id": ("1", "2"),
            "tariff_id": ("T1", "T9"),
            "session_id": ("S1", "S9", "s1"),
            "cdr_id": ("C1", "C9"),
            "record_id": ("R1", "R9"),
            "token_uid": ("04A1B2C3D4E5F6", "AABBCCDD", "04a1b2c3d4e5f6"),
            "booking_id": ("B9", "R-1", "R-9", "r-1"),
            "booking_location_id": ("BL1", "BL9", "bl1"),
            "calendar_id": ("1", "C1"),
            "command": ("START_SESSION", "STOP_SESSION"),
            "terminal_id": ("Term-1", "Term-9"),
            "advice_id": ("A1", "A9"),
            "command_id": ("1", "00000000-0000-4000-8000-000000000000"),
            "request_id": ("1", "00000000-0000-4000-8000-000000000000"),
        }
        if name not in self._named or self._chance.random() < 0.1:
            self._named[name] = self._chance.choice(pools[name])
        return self._named[name]

    def _body(self, endpoint: Endpoint) -> object:
        bases = {
            "locations": LOCATION,
            "tariffs": TARIFF,
            "tokens": TOKEN,
            "sessions": SESSION,
            "cdrs": CDR,
            "invoicereconciliation": INVOICE,
            "bookings": BOOKING,
        }
        base = bases.get(endpoint.module)
        if endpoint.module == "commands":
            return self._command()
        if endpoint.module == "chargingprofiles" or endpoint.name == "put_preferences":
            return self._wish() if endpoint.body is not None else None
        if endpoint.module == "payments":
            return self._of_payments(endpoint)
        if endpoint.module == "credentials":
            role = {"role": "EMSP", "country_code": "SE", "party_id": self._segment("party_id")}
            roles = [role | {"business_details": {"name": "X"}}]
            return {"token": "t", "url": "https://evil.example/ocpi/versions", "roles": roles}
        if endpoint.name == "put_client":
            said = {"role": "EMSP", "status": "SUSPENDED", "last_updated": self._moment()}
            return said | {"country_code": "SE", "party_id": self._segment("party_id")}
        if base is None or endpoint.method in ("GET", "DELETE"):
            return None
        document = self._booking(endpoint) if base is BOOKING else self._of_level(endpoint, base)
        if endpoint.method == "PATCH":
            kept = self._chance.sample(sorted(document), self._chance.randint(0, 3))
            return {name: document[name] for name in kept} | {"last_updated": self._moment()}
        return document

    def _of_payments(self, endpoint: Endpoint) -> dict[str, Any] | None:
        if endpoint.body is None and not endpoint.patches:
            return None
        dated = {"last_updated": self._moment()}
        if "financial" not in endpoint.template:
            return dated | {"terminal_id": self._segment("terminal_id"), "location_ids": ["L1"]}
        return dated | {
            "id": self._segment("advice_id"),
            "authorization_reference": self._chance.choice(("ref-1", "ref-9")),
            "total_costs": {"before_taxes": 5},
            "currency": "SEK",
            "eft_data": ["x"],
            "capture_status_code": "SUCCESS",
        }

    def _of_level(self, endpoint: Endpoint, base: dict[str, Any]) -> dict[str, Any]:
        if "connector_id" in endpoint.template:
            return CONNECTOR | {"id": self._segment("connector_id"), "last_updated": self._moment()}
        if "evse_uid" in endpoint.template:
            return EVSE | {"uid": self._segment("evse_uid"), "last_updated": self._moment()}
        document = base | {"country_code": "SE", "party_id": self._segment("party_id")}
        document["last_updated"] = self._moment()
        ids = {"tokens": ("uid", "token_uid"), "invoicereconciliation": ("id", "record_id")}.get(
            endpoint.module
        )
        name, pool = ids or ("id", f"{endpoint.module.removesuffix('s')}_id")
        document[name] = self._segment(pool)
        if "cdr_token" in document:
            document["cdr_token"] = self._cdr_token()
        if "invoice_id" in document:
            document["cdrs"] = self._chance.choices(("C1", "C9"), k=2)
        if endpoint.module == "tokens":
            document |= {"valid": False, "contract_id": self._chance.choice(("SERETC00000017", "SEEVLC1"))}
        return document

    def _booking(self, endpoint: Endpoint) -> dict[str, Any]:
        owner = {"country_code": "SE", "party_id": self._segment("party_id")}
        if endpoint.name == "post_booking":
            start = self._chance.choice(("13:00", "14:00", "14:30", "15:00", "20:00"))
            period = {"start_date_time": f"2026-02-03T{start}:00Z", "end_date_time": "2026-02-03T21:00:00Z"}
            asked = BOOKING_REQUEST | owner | {"request_id": self._segment("booking_id"), "period": period}
            asked["tokens"] = [self._cdr_token()]
            if self._chance.random() < 0.3:
                asked["canceled"] = {"cancellation_reason": "TRAFFIC", "who_canceled": "EMSP"}
            return asked
        if "calendar_id" in endpoint.template:
            return CALENDAR | {"id": self._segment("calendar_id"), "last_updated": self._moment()}
        if "booking_location_id" in endpoint.template:
            name = {"id": self._segment("booking_location_id")}
            return BOOKING_LOCATION | owner | name | {"last_updated": self._moment()}
        name = {"id": self._segment("booking_id"), "request_id": self._segment("booking_id")}
        return BOOKING | owner | name | {"last_updated": self._moment()}

    def _cdr_token(self) -> dict[str, Any]:
        party = self._chance.choice(("RET", "RET", "EVL", "ELS"))
        contract = self._chance.choice(("SERETC00000017", "SEEVLC1"))
        named = {"uid": self._segment("token_uid"), "type": "RFID", "contract_id": contract}
        return {"country_code": "SE", "party_id": party} | named

    def _command(self) -> dict[str, Any]:
        token = TOKEN | {"party_id": self._segment("party_id"), "uid": self._segment("token_uid")}
        token |= {"type": self._chance.choice(("RFID", "AD_HOC_USER"))}
        return {
            "authorization_reference": self._chance.choice(("ref-1", "ref-9")),
            "response_url": self._chance.choice(("https://evil.example/x", "https://els.example/ocpi/x")),
            "token": token,
            "location_id": "L1",
            "evse_uid": "E1",
            "connector_id": "1",
            "session_id": self._segment("session_id"),
            "reservation_id": "1",
            "expiry_date": "2026-03-01T00:00:00Z",
            "result": "ACCEPTED",
        }

    def _wish(self) -> dict[str, Any]:
        """For each endpoint that has to do with how a session charges."""
        periods = [{"start_period": 0, "limit": self._chance.choice((0, 6.5, 16))}]
        profile = {"charging_rate_unit": "A", "charging_profile_period": periods}
        active = {"start_date_time": self._moment(), "charging_profile": profile}
        return active | {
            "response_url": self._chance.choice(("https://evil.example/x", "https://els.example/ocpi/x")),
            "result": "ACCEPTED",
            "profile": active,
            "profile_type": "REGULAR",
        }

    def _moment(self) -> str:
        return self._chance.choice(
            ("2020-01-01T00:00:00Z", START.strftime("%Y-%m-%dT%H:%M:%SZ"), "2030-01-01T00:00:00Z")
        )

    def _query(self, endpoint: Endpoint) -> dict[str, str]:
        values = {"type": "RFID", "date_from": "2020-01-01T00:00:00Z", "limit": "5", "offset": "0"}
        values |= {"duration": "900", "response_url": "https://evil.example/x"}
        return {
            name: values[name] for name in endpoint.query if name in values and self._chance.random() < 0.5
        }

    def _headers(self) -> dict[str, str]:
        if self._chance.random() < 0.8:
            return {}
        claimed = self._chance.choice(("EVL", "ELS", "RET"))
        return {"ocpi-from-country-code": "SE", "ocpi-from-party-id": claimed}


async def _kept(world: World) -> dict[str, dict[tuple[Cell, ...], Row]]:
    """All that the two have and that is not the intruder's, by table and key."""
    kept: dict[str, dict[tuple[Cell, ...], Row]] = {}
    for node in (world.els, world.ret):
        for table in (*t.VIEWS, *t.RECORDS):
            if table.name not in COUNTED:
                kept[f"{node.host} {table.name}"] = await _others(node, table)
        facts = [one for one in await node.spine.read(0, limit=100_000) if not _is_intruders(one)]
        kept[f"{node.host} log"] = {(one.stream, one.position): {} for one in facts}
    return kept


async def _others(node: Node, table: Table) -> dict[tuple[Cell, ...], Row]:
    column = OF_A_PARTY.get(table.name)
    mine = {str(EVIL), PEER}
    rows = await node.spine.find(table, limit=10_000)
    key = [one.name for one in table.primary_key]
    theirs = [row for row in rows if column is None or row[column] not in mine]
    kept = map(_without_calendars, theirs) if table is t.booking_location else theirs
    return {tuple(row[name] for name in key): row for row in kept}


def _without_calendars(row: Row) -> Row:
    """What is booked by whomever is no longer free, and that is dated."""
    place = msgspec.json.decode(str(row["document"]))
    place = {name: place[name] for name in place if name not in ("calendars", "last_updated")}
    return {**row, "document": str(place), "last_updated": None}


def _is_intruders(one: Recorded) -> bool:
    if isinstance(one.fact, BookingChanged):
        return one.fact.booked.made_for == EVIL
    return str(EVIL) in one.stream or f"/{PEER}" in one.stream
