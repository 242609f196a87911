"""Partners' tokens at a station on a real socket: what is agreed with their party decides, and prices."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from gateways import CPO, KEYS, NOW, Node, place
from test_robustness import talking

from elstrada.model import facts as f
from elstrada.model.agreement import Agreement, Asking, Bounds, PartnerTariff, Places, Silence, Which
from elstrada.model.device import EvsePlace, Station
from elstrada.model.ids import PartyId, agreement_stream
from elstrada.model.location import Connector, Evse, EvseStatus, GeoLocation, Location
from elstrada.model.party import BusinessDetails, PartyRole, Peer, PeerState, Role
from elstrada.model.token import Token, Whitelist
from elstrada.roles.roaming.rows import location_row, token_row
from elstrada.spine import tables as t
from elstrada.spine.face import Append, Put, Work

RET = PartyId("SE", "RET")
UID = "04A1B2"


async def furnish(node: Node, agreement: Agreement, whitelist: Whitelist = Whitelist.ALWAYS) -> None:
    """A partner whose token we have, and a station at a place of ours."""
    connector = Connector(
        id="1",
        standard="IEC_62196_T2",
        format="SOCKET",
        power_type="AC_3_PHASE",
        max_voltage=230,
        max_amperage=32,
        tariff_ids=("T1",),
        last_updated=NOW,
    )
    evse = Evse(uid="E1", status=EvseStatus.AVAILABLE, connectors=(connector,), last_updated=NOW)
    location = Location(
        party=CPO,
        id="L1",
        address="A",
        city="C",
        country="SWE",
        coordinates=GeoLocation("1", "2"),
        evses=(evse,),
        time_zone="Europe/Stockholm",
        last_updated=NOW,
    )
    token = Token(
        party=RET, uid=UID, contract_id="C1", issuer="R", valid=True, whitelist=whitelist, last_updated=NOW
    )
    roles = (PartyRole(RET, Role.EMSP, BusinessDetails("R")),)
    peer = Peer(owner=CPO, id="ret", state=PeerState.ACTIVE, roles=roles, changed_at=NOW)
    station = Station(owner=CPO, id="CP1", places=(EvsePlace(1, "L1", "E1"),))
    key = {"owner": str(CPO), "changed_at": NOW}
    writes = (
        Put(t.location, location_row(CPO, location, "own")),
        Put(t.token, token_row(CPO, token, KEYS.token_ref(UID))),
        Put(t.peer, key | {"peer_id": "ret", "state": "ACTIVE", "document": _text(peer)}),
        Put(t.station, key | {"station_id": "CP1", "document": _text(station)}),
    )
    made = f.AgreementMade("ret", agreement)
    await node.spine.commit(Work(appends=(Append(agreement_stream(CPO, "ret"), 0, (made,)),), writes=writes))


def _text(value: object) -> str:
    return msgspec.json.encode(value).decode()


@pytest.mark.parametrize(
    ("agreement", "whitelist", "status"),
    [
        (Agreement(), Whitelist.ALWAYS, "Accepted"),
        (Agreement(places=Places(which=Which.LISTED)), Whitelist.ALWAYS, "Invalid"),
        (Agreement(places=Places(which=Which.LISTED, locations=("L1",))), Whitelist.ALWAYS, "Accepted"),
        (Agreement(valid_to=NOW), Whitelist.ALWAYS, "Invalid"),
        (Agreement(asking=Asking.NEVER), Whitelist.ALWAYS, "Invalid"),
        (Agreement(asking=Asking.WHITELIST), Whitelist.ALLOWED_OFFLINE, "Accepted"),
        (Agreement(asking=Asking.ALWAYS, silence=Silence.REFUSE), Whitelist.ALWAYS, "Invalid"),
        (Agreement(silence=Silence.ALLOW), Whitelist.NEVER, "Accepted"),
    ],
)
async def test_t18_a_partners_token_charges_as_agreed(
    agreement: Agreement, whitelist: Whitelist, status: str
) -> None:
    async with place() as scene:
        (node,) = scene.nodes.values()
        await furnish(node, agreement, whitelist)
        async with talking(node) as station:
            for _ in range(2):  # Shown twice within the moment for which a token is remembered.
                answer: Any = await station.call("Authorize", idTag=UID)
                assert answer[2]["idTagInfo"]["status"] == status


@pytest.mark.parametrize(
    ("agreement", "listed"),
    [
        (Agreement(), True),
        (Agreement(bounds=Bounds(open_sessions=1)), True),
        (Agreement(asking=Asking.ALWAYS), False),
        (Agreement(asking=Asking.NEVER), False),
        (Agreement(places=Places(which=Which.LISTED)), False),
    ],
)
async def test_t18_a_stations_own_list_holds_partners_tokens_as_agreed(
    agreement: Agreement, listed: bool
) -> None:
    async with place() as scene:
        (node,) = scene.nodes.values()
        await furnish(node, agreement)
        rows = await node.spine.find(t.token, {"owner": str(CPO)})
        tokens = [(str(row["ref"]), msgspec.json.decode(str(row["document"]), type=Token)) for row in rows]
        assert await node.gateway.partners.listable(CPO, "CP1", tokens) == (tokens if listed else [])


async def test_no_more_of_a_partners_sessions_run_than_agreed_and_each_has_its_tariff() -> None:
    async with place() as scene:
        (node,) = scene.nodes.values()
        tariffs = (
            PartnerTariff(tariff_id="PT"),
            PartnerTariff(tariff_id="PT-1", location_id="L1", evse_uid="E1"),
        )
        await furnish(node, Agreement(bounds=Bounds(open_sessions=1), tariffs=tariffs))
        async with talking(node) as station:
            first: Any = await _start(station, 1)
            assert first[2]["idTagInfo"]["status"] == "Accepted"
            [begun] = scene.log(f.SessionStarted)
            assert isinstance(begun.fact, f.SessionStarted)
            assert begun.fact.tariff_id == "PT-1"
        async with talking(node, "CP2") as other:
            refused: Any = await other.call("Authorize", idTag=UID)
            assert refused[2]["idTagInfo"]["status"] == "Invalid"


async def _start(station: Any, connector: int) -> object:
    return await station.call(
        "StartTransaction", connectorId=connector, idTag=UID, meterStart=0, timestamp="2026-03-01T12:00:00Z"
    )
