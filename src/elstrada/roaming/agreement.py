"""What an agreement lets a peer see, send and have done: one decision for all requests and all pushes (T17, T18).

A module is named by its identifier and by which side of it is ours, as OCPI names endpoints. What a peer's
roles permit at all stands in ``visibility``; an agreement only takes away.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from datetime import datetime
from decimal import Decimal

import msgspec

from elstrada.model.agreement import (
    DEFAULT,
    Agreement,
    Asking,
    Bounds,
    PartnerTariff,
    Places,
    Standing,
    Which,
)
from elstrada.model.ids import PartyId
from elstrada.model.location import Connector, EvseStatus, Location
from elstrada.model.party import Peer

SENDER, RECEIVER = "SENDER", "RECEIVER"
"""Which side of a module is ours."""
FREE = frozenset({"versions", "credentials", "hubclientinfo"})
"""Modules that no agreement takes away: without them there is no connection, or they say nothing of what we have."""
SETTLED = "cdrs"
"""The module that outlasts an agreement: what began while it held has still to be paid."""


class Terms(msgspec.Struct, frozen=True, kw_only=True):
    """All that is agreed between a party of ours and a peer at one moment."""

    at: datetime
    by_party: Mapping[PartyId, Agreement] = {}
    for_others: Agreement = DEFAULT
    """With the peer's parties that have no agreement of their own."""
    private: frozenset[str] = frozenset()
    """Tariffs of ours that were made for other partners."""

    def of(self, party: PartyId) -> Agreement:
        return self.by_party.get(party, self.for_others)

    def all_of(self, parties: Iterable[PartyId]) -> list[Agreement]:
        """The agreements of several parties; of none, which is a peer that has not said who it is, all there are."""
        return [self.of(party) for party in sorted(parties)] or [self.for_others, *self.by_party.values()]


def turns(terms: Terms) -> list[datetime]:
    """The moments still to come at which something begins or ceases to be agreed."""
    times = {
        at for one in (terms.for_others, *terms.by_party.values()) for at in (one.valid_from, one.valid_to)
    }
    return sorted(at for at in times if at is not None and at > terms.at)


def agrees(agreement: Agreement, at: datetime, module: str, ours: str) -> bool:
    """Is the module agreed, with this side of it ours?"""
    if module in FREE:
        return True
    modules = agreement.sends if ours == SENDER else agreement.receives
    return (modules is None or module in modules) and (agreement.holds(at) or module == SETTLED)


def agreeing(terms: Terms, parties: Iterable[PartyId], module: str, ours: str) -> frozenset[PartyId]:
    """Those of a peer's parties with which a module is agreed."""
    return frozenset(party for party in parties if agrees(terms.of(party), terms.at, module, ours))


def may_call(terms: Terms, parties: Collection[PartyId], module: str, ours: str) -> bool:
    """May a peer that speaks for these parties use our side of a module at all?"""
    return any(agrees(agreement, terms.at, module, ours) for agreement in terms.all_of(parties))


def sees(agreement: Agreement, at: datetime, location: Location) -> bool:
    """Does a location of ours exist for whoever has this agreement?"""
    return agreement.holds(at) and _means(agreement.places, location)


def seeing(terms: Terms, parties: Iterable[PartyId], location: Location) -> frozenset[PartyId]:
    """Those of a peer's parties for which a location of ours exists."""
    return frozenset(party for party in parties if sees(terms.of(party), terms.at, location))


def hides_nothing(terms: Terms, parties: Collection[PartyId]) -> bool:
    """Is every location of ours there for each of these parties, just as it is?"""
    plain = all(
        agreement.holds(terms.at) and agreement.places.which is Which.ALL and not agreement.tariffs
        for agreement in map(terms.of, parties)
    )
    return bool(parties) and plain and not terms.private


def as_text(terms: Terms, parties: Iterable[PartyId]) -> str:
    """The same for parties to which the same is shown."""
    theirs = [(str(party), terms.of(party), terms.of(party).holds(terms.at)) for party in sorted(parties)]
    return msgspec.json.encode((theirs, sorted(terms.private))).decode()


def shows_tariff(terms: Terms, parties: Iterable[PartyId], tariff_id: str) -> bool:
    """May a peer know of a tariff of ours? One that is made for another partner it may not."""
    if tariff_id not in terms.private:
        return True
    return any(tariff_id == one.tariff_id for each in terms.all_of(parties) for one in each.tariffs)


def shown(terms: Terms, parties: Collection[PartyId], location: Location) -> Location:
    """A location as a peer is shown it: its own tariffs in the connectors' places, and nobody else's.

    Args:
        parties: of the peer, for which the location exists.
    """
    own = terms.all_of(parties)[0].tariffs
    if not own and not terms.private:
        return location
    evses = tuple(
        msgspec.structs.replace(
            evse,
            connectors=tuple(
                _priced(terms, own, location.id, evse.uid, connector) for connector in evse.connectors
            ),
        )
        for evse in location.evses
    )
    return msgspec.structs.replace(location, evses=evses)


def removed(location: Location, at: datetime) -> Location:
    """What a peer is told of a location that is no longer for it: that it has known it, and no more."""
    evses = tuple(
        msgspec.structs.replace(
            evse,
            status=EvseStatus.REMOVED,
            status_schedule=(),
            connectors=tuple(
                msgspec.structs.replace(connector, tariff_ids=(), last_updated=at)
                for connector in evse.connectors
            ),
            directions=(),
            images=(),
            last_updated=at,
        )
        for evse in location.evses
    )
    return Location(
        party=location.party,
        id=location.id,
        address=location.address,
        city=location.city,
        postal_code=location.postal_code,
        country=location.country,
        coordinates=location.coordinates,
        evses=evses,
        time_zone=location.time_zone,
        last_updated=at,
    )


# --- at a station -----------------------------------------------------------------------------------


class Taken(msgspec.Struct, frozen=True, kw_only=True):
    """What a partner's drivers have of us already."""

    open_sessions: int = 0
    energy_wh: int = 0
    """Of this month's CDRs."""
    cost: Decimal = Decimal(0)


def standing(
    terms: Terms,
    party: PartyId,
    taken: Taken,
    location: Location | None = None,
    seat: tuple[str | None, str | None] = (None, None),
) -> Standing:
    """What a partner's token may do at a station.

    Args:
        location: where the station is; None: that is not known.
        seat: EVSE uid and connector id, as far as they are known.
    """
    agreement = terms.of(party)
    tariff_id = "" if location is None else _tariff_at(agreement.tariffs, location.id, *seat) or ""
    return Standing(
        refusal=_refusal(agreement, terms.at, taken, location),
        asking=agreement.asking,
        silence=agreement.silence,
        tariff_id=tariff_id,
    )


def exceeded(bounds: Bounds, taken: Taken) -> str:
    """Which bound a further session would break; empty: none."""
    if bounds.open_sessions is not None and taken.open_sessions >= bounds.open_sessions:
        return f"{taken.open_sessions} sessions of its party run, of {bounds.open_sessions} agreed"
    if bounds.energy_wh is not None and taken.energy_wh >= bounds.energy_wh:
        return f"its party has had {taken.energy_wh} Wh this month, of {bounds.energy_wh} agreed"
    if bounds.cost is not None and taken.cost >= bounds.cost:
        return f"its party owes {taken.cost} for this month, of {bounds.cost} agreed"
    return ""


def may_ask(agreement: Agreement, at: datetime) -> bool:
    """May a party be asked in real time about a token of its own?"""
    asks = agreement.asking not in (Asking.WHITELIST, Asking.NEVER)
    return asks and agrees(agreement, at, "tokens", RECEIVER)


def _refusal(agreement: Agreement, at: datetime, taken: Taken, location: Location | None) -> str:
    if not agreement.holds(at):
        return "nothing is agreed with its party now"
    if location is not None and not _means(agreement.places, location):
        return "this location is not agreed with its party"
    if agreement.asking is Asking.NEVER:
        return "its party's tokens do not charge by being shown, as agreed"
    return exceeded(agreement.bounds, taken)


# --- below ------------------------------------------------------------------------------------------


def _means(places: Places, location: Location) -> bool:
    named = (
        location.id.casefold() in {one.casefold() for one in places.locations}
        or location.country in places.countries
        or not set(places.groups).isdisjoint(location.groups)
    )
    return places.which is Which.ALL or named is (places.which is Which.LISTED)


def _priced(
    terms: Terms, own: Iterable[PartnerTariff], location_id: str, evse_uid: str, connector: Connector
) -> Connector:
    tariff_id = _tariff_at(own, location_id, evse_uid, connector.id)
    others = tuple(each for each in connector.tariff_ids if each not in terms.private)
    return msgspec.structs.replace(connector, tariff_ids=others if tariff_id is None else (tariff_id,))


def _tariff_at(
    tariffs: Iterable[PartnerTariff], location_id: str, evse_uid: str | None, connector_id: str | None
) -> str | None:
    """The tariff of the entry that says most of a connector, of those that fit it."""
    place = (location_id, evse_uid, connector_id)
    fitting = [one for one in tariffs if _fits(one, place)]
    return max(fitting, key=_said).tariff_id if fitting else None


def _fits(one: PartnerTariff, place: tuple[str | None, ...]) -> bool:
    named = (one.location_id, one.evse_uid, one.connector_id)
    return all(wanted is None or wanted == found for wanted, found in zip(named, place, strict=True))


def _said(one: PartnerTariff) -> int:
    return sum(each is not None for each in (one.location_id, one.evse_uid, one.connector_id))


# --- what bounds each endpoint ----------------------------------------------------------------------


class Bound(msgspec.Struct, frozen=True):
    """What, beside its module, decides what an endpoint gives: ``why`` is for people."""

    why: str


ALWAYS = Bound("part of the connection itself")
LOCATIONS = Bound("locations that are hidden are not there")
TARIFFS = Bound("tariffs made for other partners are not there")
OWN_TOKENS = Bound("only what the caller's own tokens did, of parties with which the module is agreed")
OUR_TOKENS = Bound("our tokens, for parties with which the module is agreed")
OURS = Bound("objects of ours that are for the caller, of parties with which the module is agreed")
THEIRS = Bound("the caller's own objects, of parties with which the module is agreed")
COMMANDED = Bound("a location that is hidden is unknown, and what is agreed bounds the session")
ANSWERED = Bound("the answer to what we asked for ourselves")
ENDPOINTS: Mapping[str, Bound] = {
    **dict.fromkeys(("get_credentials", "register", "renew", "unregister"), ALWAYS),
    **dict.fromkeys(("list_locations", "show_location", "show_evse", "show_connector"), LOCATIONS),
    "list_tariffs": TARIFFS,
    **dict.fromkeys(("list_sessions", "list_cdrs", "stop_session", "cancel_reservation"), OWN_TOKENS),
    **dict.fromkeys(("list_tokens", "authorize"), OUR_TOKENS),
    **{
        f"{method}_{kind}": THEIRS
        for kind in ("location", "evse", "connector", "session", "token", "tariff")
        for method in ("get", "put", "patch")
    },
    **dict.fromkeys(("delete_tariff", "post_cdr", "get_cdr"), THEIRS),
    **dict.fromkeys(("start_session", "reserve_now", "unlock_connector"), COMMANDED),
    "command_result": ANSWERED,
    # Charging profiles and preferences.
    **dict.fromkeys(("put_preferences", "set_profile", "get_profile", "clear_profile"), OWN_TOKENS),
    **dict.fromkeys(("active_profile_result", "set_profile_result", "clear_profile_result"), ANSWERED),
    "put_active_profile": THEIRS,
    # Hubs.
    **dict.fromkeys(("list_clients", "get_client", "put_client"), ALWAYS),
    # Invoices.
    "list_invoice_records": OURS,
    **{f"{method}_invoice_record": THEIRS for method in ("post", "get", "put", "delete")},
    # Payment terminals.
    **dict.fromkeys(
        (
            *("list_terminals", "show_terminal", "put_terminal", "patch_terminal"),
            *("activate_terminal", "deactivate_terminal", "list_advices", "show_advice"),
        ),
        OURS,
    ),
    **dict.fromkeys(("post_terminal", "get_terminal", "post_advice", "get_advice"), THEIRS),
    # Bookings.
    **dict.fromkeys(("list_bookings", "post_booking"), OWN_TOKENS),
    **dict.fromkeys(("list_booking_locations", "show_booking_location", "show_booking_calendar"), LOCATIONS),
    **{
        f"{method}_{kind}": THEIRS
        for kind in (
            "booking",
            "booking_location",
            "booking_calendar",
            "booking_location_as_sampled",
            "booking_calendar_as_sampled",
        )
        for method in ("get", "put", "patch")
    },
}
"""By the endpoint's name. One that is not here is not served: whoever adds one says what bounds it."""


def parties_of_peer(peer: Peer) -> frozenset[PartyId]:
    """All parties that a peer speaks for."""
    return frozenset(entry.party for entry in peer.roles)
