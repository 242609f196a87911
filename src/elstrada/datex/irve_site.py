"""Where an IRVE station stands, whose it is and when it is open."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping
from datetime import datetime

import msgspec

from elstrada.datex.defects import Rule, Severity
from elstrada.datex.france import Territory, city_of, territory_at, territory_of
from elstrada.datex.hours import open_minutes, parse_hours
from elstrada.datex.irve_rows import Row
from elstrada.model.ids import PartyId
from elstrada.model.location import Evse, GeoLocation, Hours, Location
from elstrada.model.party import BusinessDetails

NO_COORDINATES = Rule("Q-04", Severity.REJECTED, "the coordinates are missing, unreadable or 0, 0")
ABROAD = Rule("Q-04", Severity.REJECTED, "the coordinates lie outside France and its territories")
SWAPPED = Rule("Q-04", Severity.MENDED, "latitude and longitude are swapped")
OTHER_TERRITORY = Rule("Q-04", Severity.DOUBTFUL, "the coordinates lie in another territory than the commune")
COARSE = Rule("I-10", Severity.DOUBTFUL, "the coordinates have fewer than three decimals")
NO_ADDRESS = Rule("I-11", Severity.MENDED, "the address is missing")
CITY_OF_OTHERS = Rule("I-12", Severity.MENDED, "the address names no city, but other rows of its commune do")
NO_CITY = Rule("I-12", Severity.DOUBTFUL, "the address names no city, and the schema has no field for it")
NO_HOURS = Rule("I-13", Severity.DOUBTFUL, "the opening hours are missing or not understood")
HARDLY_OPEN = Rule("I-14", Severity.DOUBTFUL, "the opening hours are less than an hour a week")
BAD_PHONE = Rule("I-15", Severity.DOUBTFUL, "the operator's telephone number is no number")

_NUMBER = r"(-?\d{1,3}(?:\.\d{1,20})?)"
_PAIR = re.compile(rf"\[?\s*{_NUMBER}\s*,\s*{_NUMBER}\s*\]?")
_POST = re.compile(r"\b(\d{5})\s+([^\d,()\[\]]{2,45})")
_COUNTRY_AT_END = re.compile(r"[\s,]*\bfrance\s*$", re.IGNORECASE)
_STREET = r"rue|route|rte|r|avenue|av|boulevard|bd|allée|all|chemin|chem|place|pl|quai|cours|impasse|aire|zi|za|zac|zone|parc|parking|centre|cc|rdpt|rond|lieu"
_CITY_AT_END = re.compile(rf",\s*(?!(?:{_STREET})\b)([^\W\d_][^\d,]{{1,44}})$", re.IGNORECASE)
_MIN_OPEN_MINUTES = 60

_PARKING_TYPES = {
    "voirie": "ON_STREET",
    "parking public": "PARKING_LOT",
    "parking privé à usage public": "PARKING_LOT",
    "parking privé réservé à la clientèle": "PARKING_LOT",
}


class Site(msgspec.Struct, frozen=True):
    """What rows of one station have in common."""

    name: str | None
    address: str
    postal_code: str | None
    city: str
    """Empty where the address names none."""
    commune: str
    """INSEE code."""
    coordinates: GeoLocation
    territory: Territory
    opening_times: Hours | None
    parking_type: str | None
    operator: BusinessDetails | None
    owner: BusinessDetails | None
    help_phone: str | None

    def location(
        self, *, party: PartyId, station_id: str, city: str, evses: tuple[Evse, ...], last_updated: datetime
    ) -> Location:
        """The site with its points."""
        return Location(
            party=party,
            id=station_id,
            name=self.name,
            address=self.address,
            city=city,
            postal_code=self.postal_code,
            country=self.territory.country,
            coordinates=self.coordinates,
            parking_type=self.parking_type,
            evses=evses,
            operator=self.operator,
            owner=self.owner,
            time_zone=self.territory.time_zone,
            opening_times=self.opening_times,
            help_phone=self.help_phone,
            last_updated=last_updated,
        )


def cities_of(sites: Iterable[Site]) -> dict[str, str]:
    """The city of each commune, as most of those of its rows that name one have it."""
    counts: dict[str, Counter[str]] = {}
    for site in sites:
        if site.city and site.commune:
            counts.setdefault(site.commune, Counter())[site.city] += 1
    return {commune: found.most_common(1)[0][0] for commune, found in counts.items()}


def settle_city(row: Row, site: Site, cities: Mapping[str, str]) -> str:
    """The city of a row's address, or that of its commune's other rows."""
    if site.city:
        return site.city
    city = cities.get(site.commune)
    if city is not None:
        row.note(CITY_OF_OTHERS, "adresse_station", f"taken as {city}")
        return city
    row.note(NO_CITY, "adresse_station", f"the city is given as commune {site.commune}")
    return f"commune {site.commune}".strip()


def same_place(one: Site, other: Site) -> bool:
    return one.coordinates == other.coordinates


def read_site(row: Row) -> Site | None:
    """The site of a row, or None if it lies nowhere; that is then noted as a rejection."""
    place = _read_place(row)
    if place is None:
        return None
    coordinates, territory = place
    address, postal_code, city = _read_address(row)
    return Site(
        name=row.text("nom_station") or row.text("nom_enseigne") or None,
        address=address,
        postal_code=postal_code,
        city=city,
        commune=row.text("code_insee_commune"),
        coordinates=coordinates,
        territory=territory,
        opening_times=_read_hours(row),
        parking_type=_PARKING_TYPES.get(row.text("implantation_station").lower()),
        operator=_business(row.text("nom_operateur") or row.text("nom_enseigne")),
        owner=_business(row.text("nom_amenageur")),
        help_phone=_read_phone(row),
    )


def _read_place(row: Row) -> tuple[GeoLocation, Territory] | None:
    found = _PAIR.fullmatch(row.raw("coordonneesXY"))
    if found is None or (float(found[1]) == 0 and float(found[2]) == 0):
        row.note(NO_COORDINATES, "coordonneesXY", "not taken over: expected [longitude, latitude]")
        return None
    longitude, latitude = found[1], found[2]
    commune = territory_of(row.text("code_insee_commune"))
    territory = _locate(commune, longitude, latitude)
    if territory is None:
        longitude, latitude = latitude, longitude
        territory = _locate(commune, longitude, latitude)
        if territory is None:
            row.note(ABROAD, "coordonneesXY", "not taken over")
            return None
        row.note(SWAPPED, "coordonneesXY", f"taken as latitude {latitude}, longitude {longitude}")
    if territory is not commune:
        row.note(OTHER_TERRITORY, "code_insee_commune", f"taken to be in {territory.country}")
    if max(_decimals(longitude), _decimals(latitude)) < 3:
        row.note(COARSE, "coordonneesXY", "taken over; they may be a kilometre wrong")
    return GeoLocation(latitude, longitude), territory


def _locate(commune: Territory, longitude: str, latitude: str) -> Territory | None:
    """The territory a point lies in; that of its commune goes first where boxes overlap."""
    x, y = float(longitude), float(latitude)
    return commune if commune.holds(x, y) else territory_at(x, y)


def _decimals(number: str) -> int:
    return len(number.partition(".")[2])


def _read_address(row: Row) -> tuple[str, str | None, str]:
    """Address, postal code and city; the schema has one text for all three."""
    insee = row.text("code_insee_commune")
    address = " ".join(row.text("adresse_station").split())
    if not address:
        address = row.text("nom_station") or f"commune {insee}"
        row.note(NO_ADDRESS, "adresse_station", f"taken as {address[:40]}")
    text = _COUNTRY_AT_END.sub("", address)
    post = _POST.search(text)
    at_end = _CITY_AT_END.search(text)
    city = city_of(insee) or (post and post[2]) or (at_end and at_end[1]) or ""
    return address, post and post[1], _tidy_city(city)


def _tidy_city(city: str) -> str:
    return city.strip(" -.;").removesuffix(" FRANCE").strip()


def _read_hours(row: Row) -> Hours | None:
    hours = parse_hours(row.raw("horaires"))
    if hours is None:
        row.note(NO_HOURS, "horaires", "the opening hours are left out")
    elif open_minutes(hours) < _MIN_OPEN_MINUTES:
        row.note(HARDLY_OPEN, "horaires", "taken over")
    return hours


def _business(name: str) -> BusinessDetails | None:
    return BusinessDetails(name) if name else None


def _read_phone(row: Row) -> str | None:
    given = row.text("telephone_operateur")
    number = re.sub(r"[\s.\-()]", "", given.removeprefix("tel:"))
    if not given:
        return None
    if re.fullmatch(r"\+?\d{4,15}", number) is None or re.search(r"0{7}", number):
        row.note(BAD_PHONE, "telephone_operateur", "the number is left out")
        return None
    return number
