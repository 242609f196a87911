"""The network of a simulated world: the stations of its plan, in one town, under the demo's parties and prices."""

from __future__ import annotations

import random
from datetime import datetime

from elstrada.model.device import EvsePlace, Station
from elstrada.model.ids import PartyId
from elstrada.model.location import Location
from elstrada.sim import demo_network as demo
from elstrada.sim.demo_lands import SWEDEN
from elstrada.sim.plans import StationPlan, WorldPlan
from elstrada.sim.records import lenient
from elstrada.spine.face import Append


def small_network(plan: WorldPlan, at: datetime) -> demo.DemoNetwork:
    """Make the records of a world: a location per station, and fewer drivers than visits, so that some come again."""
    chance = random.Random(f"network/{plan.seed}")  # noqa: S311  Repeating is its purpose.
    visits = sum(station.visits + station.remote_visits for station in plan.stations)
    customers, contracts, tokens = demo.customers(chance, 2 + visits // 2, at)
    made = [_station(number, station, at) for number, station in enumerate(plan.stations, 1)]
    return demo.DemoNetwork(
        parties=demo.PARTIES,
        locations=tuple(location for location, _ in made),
        tariffs=demo.tariffs(at),
        posts=tuple(post for _, post in made),
        tokens=tokens,
        customers=customers,
        contracts=contracts,
        plans=demo.PLANS,
    )


_WARN: tuple[str, ...] = ("V03", "V04", "V05", "V09", "V10", "V11", "V28", "V32", "V37", "V45", "V46", "V49")


def agreed_by(owner: PartyId) -> tuple[Append, ...]:
    """What the retailer has agreed with the CPO of a world: findings that only warn.

    Its sessions are short, its plans cost the same everywhere, and some of its stations decide by themselves or
    have clocks that cannot be believed, so that their sessions seem to overlap or to be too strong. One that is
    away for long has no reading from when the price changed. And what was told of a session may come after its CDR,
    which would wait for it.
    """
    return (lenient(owner, "ELS", _WARN),) if owner == demo.RETAILER else ()


def _station(number: int, plan: StationPlan, at: datetime) -> tuple[Location, demo.Post]:
    land, town = SWEDEN, SWEDEN.towns[0]
    evses = tuple(
        demo.evse(f"E{number:03d}{n}", f"SE*ELS*E{number:03d}{n}", power_w, land, at)
        for n, power_w in enumerate(plan.sockets_w, 1)
    )
    location = Location(
        party=demo.CPO,
        id=f"L{number:03d}",
        name=f"{town.name} {number}",
        address=f"{town.streets[0]} {number}",
        city=town.name,
        postal_code=town.postal_code,
        country=land.country,
        coordinates=demo.GeoLocation(f"{town.latitude:.6f}", f"{town.longitude:.6f}"),
        evses=evses,
        operator=demo.PARTIES[0].business,
        time_zone=land.time_zone,
        last_updated=at,
    )
    places = tuple(EvsePlace(n, location.id, one.uid) for n, one in enumerate(evses, 1))
    station = Station(owner=demo.CPO, id=plan.id, places=places)
    return location, demo.Post(
        station, f"{plan.id}-password-0123456789", plan.version, plan.sockets_w, land.time_zone
    )
