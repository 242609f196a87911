"""What places are called. Pure."""

from __future__ import annotations

from collections.abc import Mapping

from elstrada.web.operator.rows import PlaceDocument, StationDocument


class Places:
    """Names the place of an EVSE; silent where nobody recorded it."""

    def __init__(
        self,
        stations: Mapping[tuple[str, str], StationDocument],
        places: Mapping[tuple[str, str], PlaceDocument],
    ) -> None:
        self._stations, self._places = stations, places

    def __call__(self, owner: str, station_id: str, evse_id: int | None = None) -> str:
        station = self._stations.get((owner, station_id))
        if station is None or not station.places:
            return ""
        # All EVSEs of a station stand together unless its record says otherwise.
        found = next((place for place in station.places if place.evse_id == evse_id), station.places[0])
        place = self._places.get((owner, found.location_id))
        return found.location_id if place is None else place_name(place)


def place_name(place: PlaceDocument) -> str:
    """Name and city, without saying the city twice."""
    if not place.name:
        return place.city
    return place.name if place.city in place.name else f"{place.name}, {place.city}"
