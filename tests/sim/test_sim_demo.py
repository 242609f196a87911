"""The demo's network and drivers: the same for the same seed, true to the brief, and really alive."""

import asyncio
from collections import Counter
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import httpx2
import msgspec
import pytest

from elstrada.model.party import Peer, PeerState
from elstrada.roles.keys import derived_keys
from elstrada.sim.demo import LivingNetwork, living
from elstrada.sim.demo_engines import EngineRoom, engine_room
from elstrada.sim.demo_neighbours import DIJK, NAVIGATION
from elstrada.sim.demo_network import CPO, EPOCH, RETAILER, demo_network
from elstrada.spine import tables as t

AT = datetime(2026, 3, 2, tzinfo=UTC)


def test_the_same_seed_gives_the_same_network_and_another_seed_another():
    assert demo_network(1, AT) == demo_network(1, AT)
    assert demo_network(1, AT) != demo_network(2, AT)


@pytest.mark.parametrize("seed", range(5))
def test_it_has_forty_sites_in_two_countries_and_two_hundred_evses(seed: int):
    network = demo_network(seed, AT)
    countries = Counter(location.country for location in network.locations)

    assert 35 <= len(network.locations) <= 45
    assert sum(len(location.evses) for location in network.locations) == 200
    assert set(countries) == {"SWE", "ITA"}
    assert {post.version for post in network.posts} == {"1.6", "2.0.1"}
    powers = {power_w for post in network.posts for power_w in post.sockets_w}
    assert {11_000, 22_000} < powers
    assert powers & {50_000, 100_000, 150_000, 300_000}


@pytest.mark.parametrize("seed", range(5))
def test_every_place_has_one_station_socket_and_a_tariff_in_its_currency(seed: int):
    network = demo_network(seed, AT)
    uids = [evse.uid for location in network.locations for evse in location.evses]
    places = [place.evse_uid for post in network.posts for place in post.station.places]
    tariffs = {tariff.id: tariff for tariff in network.tariffs}

    assert sorted(uids) == sorted(places)
    assert len(set(uids)) == len(uids)
    for location in network.locations:
        currency = "SEK" if location.country == "SWE" else "EUR"
        for evse in location.evses:
            [tariff_id] = evse.connectors[0].tariff_ids
            assert tariffs[tariff_id].currency == currency
            assert Decimal(-90) < Decimal(location.coordinates.latitude) < Decimal(90)


def test_customers_are_numbers_and_their_supplies_have_their_check_digit():
    network = demo_network(1, AT)
    for customer, contract in zip(network.customers, network.contracts, strict=True):
        assert customer.name == f"Customer {int(customer.id) - 100_000:04d}"
        digits = [int(digit) for digit in contract.supply_point_id]
        assert len(digits) == 18
        weighted = sum(digit * (3 if place % 2 == 0 else 1) for place, digit in enumerate(digits[:17]))
        assert (weighted + digits[17]) % 10 == 0


def test_each_party_has_only_its_own_records():
    network, keys = demo_network(1, AT), derived_keys("x")
    cpo = {put.table.name for put in network.puts(CPO, keys, AT)}
    retailer = {put.table.name for put in network.puts(RETAILER, keys, AT)}

    assert cpo == {"location", "tariff", "station"}
    assert retailer == {"customer", "plan", "contract", "token"}


async def _billed_everywhere(network: LivingNetwork) -> bool:
    """At home, at a neighbour's stations, and a neighbour's driver at ours; and the navigator has the map."""
    ours = await network.house.node.hands.spine.find(t.bill_line)
    _, app, _ = (door.house.node.hands.spine for door in network.neighbours.result())
    charged_at = {line["cdr_party"] for line in ours}
    return (
        charged_at == {str(CPO), str(DIJK.id)}
        and bool(await app.find(t.bill_line))
        and bool(await app.find(t.location, {"owner": str(NAVIGATION.id)}))
    )


def _all_online(network: LivingNetwork) -> bool:
    return all(station.online for station in network.stations)


async def _until_billed(folder: Path, room: EngineRoom) -> None:
    async with living(folder, room, seed=1, speed=300, stations=16, port=0) as network:
        async with httpx2.AsyncClient() as http:
            assert (await http.get(network.house.http_url + "/")).status_code == 200
        spine = network.house.node.hands.spine
        async with asyncio.timeout(240):
            await network.neighbours
            while not (await _billed_everywhere(network) and _all_online(network)):  # noqa: ASYNC110  A page would ask again, too.
                await asyncio.sleep(0.2)
        assert network.clock.now() > EPOCH
        protocols = await spine.count(t.station_state, by=("protocol",))
        assert {row["protocol"] for row in protocols} == {"ocpp1.6", "ocpp2.0.1"}
        peers = [msgspec.json.decode(row["document"], type=Peer) for row in await spine.find(t.peer)]
        assert {(str(one.owner), one.id): one.version for one in peers} == {
            ("SE*RET", "ELS"): "2.3.0",
            ("SE*RET", "DIJ"): "2.1.1",
            ("SE*ELS", "RET"): "2.3.0",
            ("SE*ELS", "KNT"): "2.3.0",
        }
        assert all(one.state is PeerState.ACTIVE for one in peers)
        dijk = network.neighbours.result()[0].house.node.hands.spine
        assert {row["protocol"] for row in await dijk.count(t.station_state, by=("protocol",))} == {"ocpp2.1"}
        for line in await spine.find(t.bill_line):
            assert line["owner"] == str(RETAILER)
            assert line["quantity_kwh"] > 0
    assert len(asyncio.all_tasks()) == 1, "nothing goes on when the demo has ended"


@pytest.mark.slow
@pytest.mark.parametrize("nodes", [1, 3])
def test_the_demo_walks_from_a_socket_to_a_line_on_a_bill_and_leaves_nothing_behind(
    tmp_path: Path, nodes: int
):
    """Slow, because real sockets take real time. How soon the page is there, bench_start.py tells."""
    with engine_room(tmp_path, nodes, keep=False) as room:
        asyncio.run(_until_billed(tmp_path, room))
