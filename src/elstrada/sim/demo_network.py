"""An invented network on real streets: about 40 sites in Sweden and Italy, 200 EVSEs, their prices and drivers.

The CPO is SE*ELS, the electricity retailer with an eMSP SE*RET. The same seed gives the same network.
"""

from __future__ import annotations

import random
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
from elstrada.spine.face import Put

EPOCH = datetime(2026, 3, 2, 6, 0, tzinfo=UTC)
"""A Monday morning. Always the same, so that a seed always gives the same world."""
CPO = PartyId("SE", "ELS")
RETAILER = PartyId("SE", "RET")
_DC_FROM_W = 50_000


class Town(NamedTuple):
    """Where sites stand."""

    name: str
    postal_code: str
    latitude: float
    longitude: float
    streets: tuple[str, ...]


class Land(NamedTuple):
    """What its sites have in common."""

    country: str
    time_zone: str
    towns: tuple[Town, ...]


SWEDEN = Land(
    "SWE",
    "Europe/Stockholm",
    (
        Town(
            "Stockholm", "111 20", 59.3326, 18.0649, ("Vasagatan", "Sveavägen", "Hornsgatan", "Folkungagatan")
        ),
        Town("Göteborg", "411 06", 57.7089, 11.9746, ("Nils Ericsonsgatan", "Övre Husargatan", "Skånegatan")),
        Town("Malmö", "211 20", 55.6050, 13.0038, ("Bergsgatan", "Regementsgatan", "Exercisgatan")),
        Town("Uppsala", "753 20", 59.8586, 17.6389, ("Kungsgatan", "Dragarbrunnsgatan")),
        Town("Linköping", "582 23", 58.4108, 15.6214, ("Storgatan", "Järnvägsgatan")),
        Town("Örebro", "702 11", 59.2753, 15.2134, ("Östra Bangatan", "Trädgårdsgatan")),
        Town("Umeå", "903 26", 63.8258, 20.2630, ("Västra Esplanaden", "Skolgatan")),
        Town("Sundsvall", "852 30", 62.3908, 17.3069, ("Landsvägsallén",)),
        Town("Jönköping", "553 16", 57.7826, 14.1618, ("Barnarpsgatan",)),
        Town("Luleå", "972 31", 65.5848, 22.1547, ("Smedjegatan",)),
        Town("Östersund", "831 30", 63.1792, 14.6357, ("Rådhusgatan",)),
    ),
)
ITALY = Land(
    "ITA",
    "Europe/Rome",
    (
        Town("Milano", "20124", 45.4842, 9.2041, ("Via Vittor Pisani", "Viale Monza", "Via Mecenate")),
        Town("Torino", "10128", 45.0625, 7.6785, ("Corso Re Umberto", "Via Nizza", "Corso Francia")),
        Town("Bologna", "40121", 44.5058, 11.3426, ("Via dell'Indipendenza", "Via Stalingrado")),
        Town("Firenze", "50123", 43.7764, 11.2480, ("Via Pistoiese", "Viale Francesco Redi")),
        Town("Roma", "00185", 41.9010, 12.5013, ("Via Tiburtina", "Via Cristoforo Colombo", "Via Ostiense")),
        Town("Verona", "37122", 45.4290, 10.9820, ("Corso Milano",)),
        Town("Padova", "35131", 45.4177, 11.8806, ("Via Venezia",)),
        Town("Bolzano", "39100", 46.4969, 11.3581, ("Via Galileo Galilei",)),
        Town("Napoli", "80142", 40.8528, 14.2724, ("Via Nuova Marina",)),
        Town("Bari", "70122", 41.1180, 16.8697, ("Via Amendola",)),
    ),
)


class Post(NamedTuple):
    """One station of the network, as its simulator needs it."""

    station: Station
    password: str
    version: str
    sockets_w: tuple[int, ...]
    time_zone: str


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
        if party == CPO:
            return (
                *(records.put_location(location) for location in self.locations),
                *(records.put_tariff(tariff) for tariff in self.tariffs),
                *(records.put_station(post.station, post.password, keys, at) for post in self.posts),
            )
        return (
            *(records.put_customer(customer) for customer in self.customers),
            *(records.put_plan(plan) for plan in self.plans),
            *(records.put_contract(contract) for contract in self.contracts),
            *(records.put_token(RETAILER, token, keys) for token in self.tokens),
        )


def demo_network(seed: int, at: datetime, *, stations: int = 100) -> DemoNetwork:
    """Make the network of a seed: five EVSEs a site, two a station, four drivers a station.

    Args:
        at: when everything was last changed.
    """
    chance = random.Random(f"network/{seed}")  # noqa: S311  Repeating is its purpose.
    locations: list[Location] = []
    posts: list[Post] = []
    for land, town, street in _addresses(chance, sites=max(stations, 1)):
        if len(posts) < stations:
            room = stations - len(posts)
            location, here = _site(chance, land, town, street, len(locations) + 1, room, at)
            locations.append(location)
            posts += here
    people, contracts, tokens = customers(chance, 4 * stations, at)
    return DemoNetwork(
        parties=PARTIES,
        locations=tuple(locations),
        tariffs=tariffs(at),
        posts=tuple(posts),
        tokens=tokens,
        customers=people,
        contracts=contracts,
        plans=PLANS,
    )


PARTIES = (
    Party(CPO, (Role.CPO,), BusinessDetails("Elstrada Laddning"), "SEK"),
    Party(RETAILER, (Role.EMSP,), BusinessDetails("Elstrada Energi"), "SEK"),
)
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


def _addresses(chance: random.Random, sites: int) -> list[tuple[Land, Town, str]]:
    """Streets for the sites: each is taken once before any is taken again."""
    streets = [
        (land, town, street) for land in (SWEDEN, ITALY) for town in land.towns for street in town.streets
    ]
    chance.shuffle(streets)
    return [streets[number % len(streets)] for number in range(sites)]


def _site(
    chance: random.Random, land: Land, town: Town, street: str, number: int, room: int, at: datetime
) -> tuple[Location, list[Post]]:
    """One location with its stations: fast ones beside the big roads, slower ones in town."""
    fast = chance.random() < 0.35
    location_id = f"L{number:03d}"
    evses: list[Evse] = []
    posts: list[Post] = []
    for place in range(1, min(chance.randint(2, 3), room) + 1):
        post, here = _station(chance, land, number, place, _powers(chance, fast), at)
        posts.append(post)
        evses += here
    location = Location(
        party=CPO,
        id=location_id,
        name=f"{town.name} {street}",
        address=f"{street} {chance.randint(1, 90)}",
        city=town.name,
        postal_code=town.postal_code,
        country=land.country,
        coordinates=_near(chance, town),
        parking_type="ON_STREET" if not fast else "PARKING_LOT",
        evses=tuple(evses),
        operator=PARTIES[0].business,
        time_zone=land.time_zone,
        last_updated=at,
    )
    return location, posts


def _powers(chance: random.Random, fast: bool) -> tuple[int, ...]:
    if fast:
        return (chance.choice((50_000, 100_000, 150_000, 300_000)),) * 2
    return (chance.choice((11_000, 22_000)),) * 2


def _station(
    chance: random.Random, land: Land, site: int, place: int, powers: tuple[int, ...], at: datetime
) -> tuple[Post, list[Evse]]:
    station_id = f"ELS-{site:03d}-{place}"
    country = "IT" if land is ITALY else "SE"
    evses = [
        evse(f"E{site:03d}{place}{n}", f"{country}*ELS*E{site:03d}{place}{n}", power_w, land, at)
        for n, power_w in enumerate(powers, 1)
    ]
    places = tuple(EvsePlace(n, f"L{site:03d}", evse.uid) for n, evse in enumerate(evses, 1))
    station = Station(owner=CPO, id=station_id, places=places)
    version = chance.choice(("1.6", "2.0.1"))
    password = f"{chance.getrandbits(96):024x}"
    return Post(station, password, version, powers, land.time_zone), evses


def evse(uid: str, evse_id: str, power_w: int, land: Land, at: datetime) -> Evse:
    direct = power_w >= _DC_FROM_W
    connector = Connector(
        id="1",
        standard="IEC_62196_T2_COMBO" if direct else "IEC_62196_T2",
        format="CABLE" if direct else "SOCKET",
        power_type="DC" if direct else "AC_3_PHASE",
        max_voltage=920 if direct else 230,
        max_amperage=min(power_w // 400, 500) if direct else power_w // 690,
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
        _tariff(SWEDEN, at, "SEK", Decimal(25), "4.20", "3.60", direct=False),
        _tariff(SWEDEN, at, "SEK", Decimal(25), "6.10", "5.40", direct=True),
        _tariff(ITALY, at, "EUR", Decimal(22), "0.52", "0.45", direct=False),
        _tariff(ITALY, at, "EUR", Decimal(22), "0.74", "0.66", direct=True),
    )


def _tariff(
    land: Land, at: datetime, currency: str, vat: Decimal, day: str, night: str, *, direct: bool
) -> Tariff:
    parking = "60.00" if currency == "SEK" else "6.00"
    overstay = PriceComponent(Dimension.PARKING_TIME, Decimal(parking), vat, 60)
    components = (overstay,) if direct else ()

    def energy(price: str, begin: str, end: str) -> TariffElement:
        per_kwh = PriceComponent(Dimension.ENERGY, Decimal(price), vat, 1)
        return TariffElement((per_kwh, *components), TariffRestrictions(start_time=begin, end_time=end))

    language, cheaper = ("it", "meno cara di notte") if land is ITALY else ("sv", "billigare på natten")
    kind = {"sv": ("Laddning", "Snabbladdning"), "it": ("Ricarica", "Ricarica rapida")}[language][direct]
    return Tariff(
        party=CPO,
        id=tariff_id(land, direct=direct),
        currency=currency,
        tariff_alt_text=(DisplayText(language, f"{kind}, {cheaper}"),),
        elements=(energy(day, "06:00", "22:00"), energy(night, "22:00", "06:00")),
        last_updated=at - timedelta(days=30),
    )


# --- drivers ------------------------------------------------------------------------------------------------


def customers(
    chance: random.Random, drivers: int, at: datetime
) -> tuple[tuple[Customer, ...], tuple[Contract, ...], tuple[Token, ...]]:
    """Customers by number, each with a contract tied to an electricity supply, and a card or an app."""
    people: list[Customer] = []
    contracts: list[Contract] = []
    tokens: list[Token] = []
    for number in range(1, drivers + 1):
        customer = Customer(owner=RETAILER, id=f"{100_000 + number}", name=f"Customer {number:04d}")
        contract = Contract(
            owner=RETAILER,
            id=f"SERETC{number:08d}",
            customer_id=customer.id,
            plan_id=chance.choice(PLANS).id,
            supply_point_id=_gsrn(chance),
            valid_from=date(2024, 1, 1),
        )
        people.append(customer)
        contracts.append(contract)
        tokens.append(_token(chance, contract, at))
    return tuple(people), tuple(contracts), tuple(tokens)


def _token(chance: random.Random, contract: Contract, at: datetime) -> Token:
    app = chance.random() < 0.2
    whitelists = (Whitelist.ALWAYS, Whitelist.ALLOWED, Whitelist.ALLOWED_OFFLINE, Whitelist.NEVER)
    return Token(
        party=RETAILER,
        uid=f"{chance.getrandbits(56):014X}",
        type="APP_USER" if app else "RFID",
        contract_id=contract.id,
        issuer=PARTIES[1].business.name,
        valid=True,
        whitelist=Whitelist.NEVER if app else chance.choices(whitelists, (2, 3, 3, 2))[0],
        language="sv",
        last_updated=at,
    )


def _gsrn(chance: random.Random) -> str:
    """A Swedish anläggnings-id: 18 digits, the last one checks the rest (GS1 General Specifications)."""
    digits = "735999" + "".join(str(chance.randrange(10)) for _ in range(11))
    weighted = sum(int(digit) * (3 if place % 2 == 0 else 1) for place, digit in enumerate(digits))
    return digits + str(-weighted % 10)
