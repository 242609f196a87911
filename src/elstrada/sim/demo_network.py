"""An invented network on real streets: about 40 sites in Sweden and Italy, 200 EVSEs, their prices and drivers.

The CPO is SE*ELS, the electricity retailer with an eMSP SE*RET. The same seed gives the same network. What is made
here for other parties as well, ``demo_neighbours`` uses.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import NamedTuple

import msgspec

from elstrada.model.device import EvsePlace, Station
from elstrada.model.ids import PartyId
from elstrada.model.invoice import Contract, Customer, Plan, RetailMode
from elstrada.model.location import Connector, DisplayText, Evse, EvseStatus, GeoLocation, Location
from elstrada.model.party import BusinessDetails, Party, Role
from elstrada.model.tariff import Dimension, PriceComponent, Tariff, TariffElement, TariffRestrictions
from elstrada.model.token import Token, Whitelist
from elstrada.roles.keys import Keys
from elstrada.sim import records
from elstrada.sim.demo_lands import ITALY, SWEDEN, Land, Town
from elstrada.spine.face import Put

EPOCH = datetime(2026, 3, 2, 6, 0, tzinfo=UTC)
"""A Monday morning. Always the same, so that a seed always gives the same world."""
CPO = PartyId("SE", "ELS")
RETAILER = PartyId("SE", "RET")
ODD = ("V03", "V05", "V09")
"""Checks of CDRs that its drivers break: a card is drawn for the next site whichever town that is in, a car drives on
from a station without power before its session has ended, and a power cut ends some sessions within a minute."""
_DC_FROM_W = 50_000


Address = tuple[Land, Town, str]
"""The last is the street."""


class Post(NamedTuple):
    """One station of the network, as its simulator needs it."""

    station: Station
    password: str
    version: str
    sockets_w: tuple[int, ...]
    time_zone: str


class Operator(NamedTuple):
    """Whose sites they are."""

    party: Party
    lands: tuple[Land, ...]
    versions: tuple[str, ...]
    """Of OCPP, that its stations speak."""


class DemoNetwork(msgspec.Struct, frozen=True, kw_only=True):
    """Everything there is before the first driver comes."""

    parties: tuple[Party, ...]
    locations: tuple[Location, ...]
    tariffs: tuple[Tariff, ...]
    posts: tuple[Post, ...]
    tokens: tuple[Token, ...]
    customers: tuple[Customer, ...]
    contracts: tuple[Contract, ...]
    plans: tuple[Plan, ...]

    def puts(self, party: PartyId, keys: Keys, at: datetime) -> tuple[Put, ...]:
        """The records of one of its parties, as its operator would have entered them."""
        return (
            *(records.put_location(one) for one in self.locations if one.party == party),
            *(records.put_tariff(one) for one in self.tariffs if one.party == party),
            *(
                records.put_station(post.station, post.password, keys, at)
                for post in self.posts
                if post.station.owner == party
            ),
            *(records.put_customer(one) for one in self.customers if one.owner == party),
            *(records.put_plan(one) for one in self.plans if one.owner == party),
            *(records.put_contract(one) for one in self.contracts if one.owner == party),
            *(records.put_token(party, one, keys) for one in self.tokens if one.party == party),
        )


def demo_network(seed: int, at: datetime, *, stations: int = 100) -> DemoNetwork:
    """Make the network of a seed: five EVSEs a site, two a station, four drivers a station.

    Args:
        at: when everything was last changed.
    """
    chance = random.Random(f"network/{seed}")  # noqa: S311  Repeating is its purpose.
    locations, posts = sites(chance, ELSTRADA, stations, at)
    people, contracts, tokens = customers(chance, 4 * stations, at)
    return DemoNetwork(
        parties=PARTIES,
        locations=locations,
        tariffs=tariffs(at),
        posts=posts,
        tokens=tokens,
        customers=people,
        contracts=contracts,
        plans=PLANS,
    )


PARTIES = (
    Party(CPO, (Role.CPO,), BusinessDetails("Elstrada Laddning"), "SEK"),
    Party(RETAILER, (Role.EMSP,), BusinessDetails("Elstrada Energi"), "SEK"),
)
ELSTRADA = Operator(PARTIES[0], (SWEDEN, ITALY), ("1.6", "2.0.1"))
FIXED_PRICE = Plan(
    owner=RETAILER,
    id="FAST",
    name="Fast laddpris",
    mode=RetailMode.FIXED_PER_KWH,
    currency="SEK",
    price_per_kwh=Decimal("3.90"),
)
COST_PLUS = Plan(
    owner=RETAILER,
    id="PASLAG",
    name="Laddpris med påslag",
    mode=RetailMode.COST_PLUS,
    currency="SEK",
    price_per_kwh=Decimal("0.15"),
    markup_percent=Decimal(4),
)
PLANS = (FIXED_PRICE, COST_PLUS)


# --- sites --------------------------------------------------------------------------------------------------


def sites(
    chance: random.Random, operator: Operator, stations: int, at: datetime
) -> tuple[tuple[Location, ...], tuple[Post, ...]]:
    """As many sites as it takes for so many stations."""
    locations: list[Location] = []
    posts: list[Post] = []
    for address in _addresses(chance, operator.lands, most=max(stations, 1)):
        if len(posts) < stations:
            room = stations - len(posts)
            location, here = _site(chance, operator, address, len(locations) + 1, room, at)
            locations.append(location)
            posts += here
    return tuple(locations), tuple(posts)


def _addresses(chance: random.Random, lands: tuple[Land, ...], most: int) -> list[Address]:
    """Streets for the sites: each is taken once before any is taken again."""
    streets = [(land, town, street) for land in lands for town in land.towns for street in town.streets]
    chance.shuffle(streets)
    return [streets[number % len(streets)] for number in range(most)]


def _site(
    chance: random.Random, operator: Operator, address: Address, number: int, room: int, at: datetime
) -> tuple[Location, list[Post]]:
    """One location with its stations: fast ones beside the big roads, slower ones in town."""
    land, town, street = address
    fast = chance.random() < 0.35
    location_id = f"L{number:03d}"
    evses: list[Evse] = []
    posts: list[Post] = []
    for place in range(1, min(chance.randint(2, 3), room) + 1):
        post, here = _station(chance, operator, land, (number, place), _powers(chance, fast), at)
        posts.append(post)
        evses += here
    location = Location(
        party=operator.party.id,
        id=location_id,
        name=f"{town.name} {street}",
        address=f"{street} {chance.randint(1, 90)}",
        city=town.name,
        postal_code=town.postal_code,
        country=land.country,
        coordinates=_near(chance, town),
        parking_type="ON_STREET" if not fast else "PARKING_LOT",
        evses=tuple(evses),
        operator=operator.party.business,
        time_zone=land.time_zone,
        last_updated=at,
    )
    return location, posts


def _powers(chance: random.Random, fast: bool) -> tuple[int, ...]:
    if fast:
        return (chance.choice((50_000, 100_000, 150_000, 300_000)),) * 2
    return (chance.choice((11_000, 22_000)),) * 2


def _station(
    chance: random.Random,
    operator: Operator,
    land: Land,
    where: tuple[int, int],
    powers: tuple[int, ...],
    at: datetime,
) -> tuple[Post, list[Evse]]:
    """One station.

    Args:
        where: the number of its site, and of its place there.
    """
    site, place = where
    owner = operator.party.id
    evses = [
        evse(
            f"E{site:03d}{place}{n}", f"{land.code}*{owner.party_id}*E{site:03d}{place}{n}", power_w, land, at
        )
        for n, power_w in enumerate(powers, 1)
    ]
    places = tuple(EvsePlace(n, f"L{site:03d}", evse.uid) for n, evse in enumerate(evses, 1))
    station = Station(owner=owner, id=f"{owner.party_id}-{site:03d}-{place}", places=places)
    version = chance.choice(operator.versions)
    password = f"{chance.getrandbits(96):024x}"
    return Post(station, password, version, powers, land.time_zone), evses


def evse(uid: str, evse_id: str, power_w: int, land: Land, at: datetime) -> Evse:
    direct = power_w >= _DC_FROM_W
    amperes = -(-power_w // (3 * 230))  # 11 kW are 16 A: OCPI 2.1.1 tells no power beside it.
    connector = Connector(
        id="1",
        standard="IEC_62196_T2_COMBO" if direct else "IEC_62196_T2",
        format="CABLE" if direct else "SOCKET",
        power_type="DC" if direct else "AC_3_PHASE",
        max_voltage=920 if direct else 230,
        max_amperage=min(power_w // 400, 500) if direct else amperes,
        max_electric_power=power_w,
        tariff_ids=(tariff_id(land, direct=direct),),
        last_updated=at,
    )
    capabilities = ("RFID_READER", "REMOTE_START_STOP_CAPABLE")
    return Evse(
        uid=uid,
        evse_id=evse_id,
        status=EvseStatus.AVAILABLE,
        capabilities=capabilities,
        connectors=(connector,),
        last_updated=at,
    )


def _near(chance: random.Random, town: Town) -> GeoLocation:
    """A point within about a kilometre and a half of the town's middle."""
    latitude = town.latitude + chance.uniform(-0.012, 0.012)
    longitude = town.longitude + chance.uniform(-0.02, 0.02)
    return GeoLocation(f"{latitude:.6f}", f"{longitude:.6f}")


# --- prices -------------------------------------------------------------------------------------------------


def tariff_id(land: Land, *, direct: bool) -> str:
    return f"{land.country}-{'DC' if direct else 'AC'}"


def tariffs(at: datetime) -> tuple[Tariff, ...]:
    """One price list per land and kind of current: by the hour of the day, and for staying too long."""
    return (
        tariff(CPO, SWEDEN, at, Price("SEK", "25", "4.20", "3.60"), direct=False),
        tariff(CPO, SWEDEN, at, Price("SEK", "25", "6.10", "5.40"), direct=True),
        tariff(CPO, ITALY, at, Price("EUR", "22", "0.52", "0.45"), direct=False),
        tariff(CPO, ITALY, at, Price("EUR", "22", "0.74", "0.66"), direct=True),
    )


class Price(NamedTuple):
    """Of a kilowatt-hour, before tax."""

    currency: str
    vat: str
    """Percent."""
    day: str
    night: str


_WORDS = {
    "SWE": ("sv", "Laddning", "Snabbladdning", "billigare på natten"),
    "ITA": ("it", "Ricarica", "Ricarica rapida", "meno cara di notte"),
    "NLD": ("nl", "Laden", "Snelladen", "goedkoper in de nacht"),
}


def tariff(party: PartyId, land: Land, at: datetime, asked: Price, *, direct: bool) -> Tariff:
    """A price list for alternating or direct current."""
    parking, vat = "6.00" if asked.currency == "EUR" else "60.00", Decimal(asked.vat)
    overstay = PriceComponent(Dimension.PARKING_TIME, Decimal(parking), vat, 60)
    components = (overstay,) if direct else ()

    def energy(price: str, begin: str, end: str) -> TariffElement:
        per_kwh = PriceComponent(Dimension.ENERGY, Decimal(price), vat, 1)
        return TariffElement((per_kwh, *components), TariffRestrictions(start_time=begin, end_time=end))

    language, slow, fast, cheaper = _WORDS[land.country]
    return Tariff(
        party=party,
        id=tariff_id(land, direct=direct),
        currency=asked.currency,
        tariff_alt_text=(DisplayText(language, f"{fast if direct else slow}, {cheaper}"),),
        elements=(energy(asked.day, "06:00", "22:00"), energy(asked.night, "22:00", "06:00")),
        last_updated=at - timedelta(days=30),
    )


# --- drivers ------------------------------------------------------------------------------------------------


class Supplier(NamedTuple):
    """Whose customers drivers are."""

    party: Party
    plans: tuple[Plan, ...]
    language: str
    supply_point: Callable[[random.Random], str]


def gsrn(chance: random.Random) -> str:
    """A Swedish anläggnings-id: 18 digits, the last one checks the rest (GS1 General Specifications)."""
    digits = "735999" + "".join(str(chance.randrange(10)) for _ in range(11))
    weighted = sum(int(digit) * (3 if place % 2 == 0 else 1) for place, digit in enumerate(digits))
    return digits + str(-weighted % 10)


ENERGI = Supplier(PARTIES[1], PLANS, "sv", gsrn)


def customers(
    chance: random.Random, drivers: int, at: datetime, supplier: Supplier = ENERGI
) -> tuple[tuple[Customer, ...], tuple[Contract, ...], tuple[Token, ...]]:
    """Customers by number, each with a contract tied to an electricity supply, and a card or an app."""
    owner = supplier.party.id
    people: list[Customer] = []
    contracts: list[Contract] = []
    tokens: list[Token] = []
    for number in range(1, drivers + 1):
        customer = Customer(owner=owner, id=f"{100_000 + number}", name=f"Customer {number:04d}")
        contract = Contract(
            owner=owner,
            id=f"{owner.country_code}{owner.party_id}C{number:08d}",
            customer_id=customer.id,
            plan_id=chance.choice(supplier.plans).id,
            supply_point_id=supplier.supply_point(chance),
            valid_from=date(2024, 1, 1),
        )
        people.append(customer)
        contracts.append(contract)
        tokens.append(_token(chance, supplier, contract, at))
    return tuple(people), tuple(contracts), tuple(tokens)


def _token(chance: random.Random, supplier: Supplier, contract: Contract, at: datetime) -> Token:
    app = chance.random() < 0.2
    whitelists = (Whitelist.ALWAYS, Whitelist.ALLOWED, Whitelist.ALLOWED_OFFLINE, Whitelist.NEVER)
    return Token(
        party=contract.owner,
        uid=f"{chance.getrandbits(56):014X}",
        type="APP_USER" if app else "RFID",
        contract_id=contract.id,
        issuer=supplier.party.business.name,
        valid=True,
        whitelist=Whitelist.NEVER if app else chance.choices(whitelists, (2, 3, 3, 2))[0],
        language=supplier.language,
        last_updated=at,
    )
