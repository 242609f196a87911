"""The French register of charge points (IRVE) as locations, with a defect for all that strays.

A row is a charge point (an EVSE); rows of one ``id_station_itinerance`` are one location. Nothing is
dropped in silence: every row is either a point taken over or a rejection, and each rejection says why.
Source: schema etalab/schema-irve-statique 2.3.1; ids after AFIREV and eMI3.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, date, datetime, time

import msgspec

from elstrada.datex.defects import Defect, Rule, Severity
from elstrada.datex.irve_plugs import read_connectors
from elstrada.datex.irve_rows import Row, read_rows
from elstrada.datex.irve_site import Site, cities_of, read_site, same_place, settle_city
from elstrada.datex.packed import Unreadable
from elstrada.model.ids import PartyId
from elstrada.model.location import Evse, EvseStatus, Location

__all__ = ["Imported", "Unreadable", "import_irve"]

BAD_ID = Rule("I-02", Severity.REJECTED, "the id is not an AFIREV id of a French operator")
ID_SPELT_ODDLY = Rule("I-02", Severity.MENDED, "the id has separators, blanks or small letters")
OTHER_OPERATOR = Rule("I-03", Severity.DOUBTFUL, "the point's operator is not the station's")
DUPLICATE = Rule("Q-12", Severity.REJECTED, "the point's id stands in the file more than once")
BAD_DATE = Rule("I-04", Severity.DOUBTFUL, "the date of change is missing, no date, or to come")
PRICE_TEXT = Rule("I-07", Severity.DOUBTFUL, "the price is a text, which no one can reckon with")
PLACE_DIFFERS = Rule("I-08", Severity.DOUBTFUL, "the point lies elsewhere than its station's first point")
COUNT_DIFFERS = Rule("I-09", Severity.DOUBTFUL, "the number of points is not that of the station's rows")

_SEPARATORS = re.compile(r"[\s*\-]")
_POINT_ID = re.compile(r"FR[A-Z0-9]{3}E[A-Z0-9]{1,30}")
"""36 characters at most, as OCPI's EVSE uid."""
_STATION_ID = re.compile(r"FR[A-Z0-9]{3}P[A-Z0-9]{1,30}")


class Imported(msgspec.Struct, frozen=True):
    """What a file gave: ``rows == points + rejected``."""

    rows: int
    points: int
    rejected: int
    locations: tuple[Location, ...]
    defects: tuple[Defect, ...]
    """In the order of the rows."""


class _Point(msgspec.Struct, frozen=True):
    """A row that can be taken over."""

    row: Row
    station_id: str
    changed: datetime
    site: Site
    evse: Evse


def import_irve(content: bytes, now: datetime) -> Imported:
    """Read an IRVE file.

    Args:
        content: JSON lines or CSV, in UTF-8, perhaps gzipped.
        now: what stands where a row's date of change cannot be believed.
    Raises:
        Unreadable: the file is not IRVE.
    """
    rows: list[Row] = []
    points: dict[str, _Point] = {}
    for row in read_rows(content):
        rows.append(row)
        point = _read_point(row, now)
        if point is not None:
            _keep_newest(points, point)
    stations: dict[str, list[_Point]] = {}
    for point in points.values():
        stations.setdefault(point.station_id, []).append(point)
    cities = cities_of(point.site for point in points.values())
    locations = tuple(_location(station_id, members, cities) for station_id, members in stations.items())
    defects = tuple(defect for row in rows for defect in row.defects)
    return Imported(len(rows), len(points), len(rows) - len(points), locations, defects)


def _read_point(row: Row, now: datetime) -> _Point | None:
    """The point of a row, or None if one of the row's defects is a rejection."""
    if row.defects:
        return None
    point_id = _read_id(row, "id_pdc_itinerance", _POINT_ID, like="FRXXXE12345")
    station_id = _read_id(row, "id_station_itinerance", _STATION_ID, like="FRXXXP12345")
    changed = _read_changed(row, now)
    site = read_site(row)
    connectors = read_connectors(row, changed)
    if point_id is None or station_id is None or site is None or not connectors:
        return None
    if point_id[:5] != station_id[:5]:
        row.note(OTHER_OPERATOR, "id_pdc_itinerance", f"filed under the station's, {station_id[:5]}")
    if row.text("tarification"):
        row.note(PRICE_TEXT, "tarification", "not taken as a price")
    evse = Evse(
        uid=point_id,
        evse_id=point_id,
        status=EvseStatus.UNKNOWN,
        capabilities=_capabilities(row),
        connectors=connectors,
        parking_restrictions=_parking_restrictions(row),
        last_updated=changed,
    )
    return _Point(row, station_id, changed, site, evse)


def _read_id(row: Row, field: str, pattern: re.Pattern[str], *, like: str) -> str | None:
    given = row.raw(field)
    found = _SEPARATORS.sub("", given).upper()
    if pattern.fullmatch(found) is None:
        row.note(BAD_ID, field, f"not taken over: expected like {like}")
        return None
    if found != given:
        row.note(ID_SPELT_ODDLY, field, f"taken as {found}")
    return found


def _read_changed(row: Row, now: datetime) -> datetime:
    try:
        changed = datetime.combine(date.fromisoformat(row.raw("date_maj")[:10]), time(), UTC)
    except ValueError:
        changed = None
    if changed is None or changed > now:
        row.note(BAD_DATE, "date_maj", "the time of the import stands for it")
        return now
    return changed


def _keep_newest(points: dict[str, _Point], point: _Point) -> None:
    """Of two rows with one id the newer stays; the retired copy is known by nothing but its date (Q-12)."""
    other = points.get(point.evse.uid)
    if other is None:
        points[point.evse.uid] = point
        return
    older, newer = (other, point) if point.changed > other.changed else (point, other)
    older.row.note(DUPLICATE, "id_pdc_itinerance", f"not taken over: row {newer.row.number} stands for it")
    points[point.evse.uid] = newer


def _location(station_id: str, points: list[_Point], cities: Mapping[str, str]) -> Location:
    """One station; its first point says where and whose it is."""
    first = points[0]
    _check_count(first.row, len(points))
    city, *_ = [settle_city(point.row, point.site, cities) for point in points]
    return first.site.location(
        party=PartyId(station_id[:2], station_id[2:5]),
        station_id=station_id,
        city=city,
        evses=tuple(_placed(point, first.site) for point in points),
        last_updated=max(point.changed for point in points),
    )


def _placed(point: _Point, site: Site) -> Evse:
    if same_place(point.site, site):
        return point.evse
    point.row.note(PLACE_DIFFERS, "coordonneesXY", "the point keeps coordinates of its own")
    return msgspec.structs.replace(point.evse, coordinates=point.site.coordinates)


def _check_count(row: Row, found: int) -> None:
    if row.raw("nbre_pdc") != str(found):
        row.note(COUNT_DIFFERS, "nbre_pdc", f"{found} points of the station are taken over")


def _capabilities(row: Row) -> tuple[str, ...]:
    said = {"RESERVABLE": row.yes("reservation"), "CREDIT_CARD_PAYABLE": row.yes("paiement_cb")}
    return tuple(name for name, holds in said.items() if holds)


def _parking_restrictions(row: Row) -> tuple[str, ...]:
    said = {
        "DISABLED": row.raw("accessibilite_pmr") == "Réservé PMR",
        "MOTORCYCLES": row.yes("station_deux_roues"),
        "CUSTOMERS": row.raw("implantation_station") == "Parking privé réservé à la clientèle",
    }
    return tuple(name for name, holds in said.items() if holds)
