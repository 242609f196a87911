"""The verb that tells what charging will cost before it starts: by a tariff, or at a station for a token."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

import msgspec
from msgspec import Meta

from elstrada.model.allowance import Allowance
from elstrada.model.ids import PartyId
from elstrada.model.party import Role
from elstrada.model.tariff import Tariff
from elstrada.roles.desk.face import Desk, Kind, Refused, Verb
from elstrada.roles.desk.lookups import own_party, sane_moment
from elstrada.roles.desk.shapes import Moment, Number, TokenUid
from elstrada.roles.desk.tariff_check import stored_tariff
from elstrada.roles.desk.tariff_users import places_of
from elstrada.roles.gateway.partners import Partners
from elstrada.roles.rating import UNPRICED, Rating
from elstrada.spine import tables as t
from elstrada.tariffs.phrases import BOOKS, Tongue
from elstrada.tariffs.quote import Estimate, Plan, Quote, estimate, planned, quote
from elstrada.tariffs.quoted import estimate_lines, quote_lines
from elstrada.tariffs.refusals import NotPriced

_MOST_ISSUERS = 20
_Wh = Annotated[int, Meta(ge=0, le=2_000_000)]
_Seconds = Annotated[int, Meta(ge=0, le=2_592_000)]
_Watts = Annotated[int, Meta(ge=1, le=10_000_000)]


class QuoteTariff(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    tariff: Annotated[str | None, Meta(description="One of ours, or --station.")] = None
    station: Annotated[str | None, Meta(description="Where: its identity; its tariff is found.")] = None
    evse: Annotated[Number, Meta(description="Of the station; 0: its only one.")] = 0
    connector: Annotated[Number, Meta(description="Of the EVSE; 0: its only one.")] = 0
    token: Annotated[TokenUid | None, Meta(description="Whose price; left out: ad hoc.")] = None
    at: Annotated[Moment | None, Meta(description="When the session starts; by default now.")] = None
    time_zone: Annotated[
        str | None, Meta(description="With a tariff: of the place, if there are several.")
    ] = None
    energy_wh: Annotated[_Wh | None, Meta(description="Also estimate a session of this much.")] = None
    duration_s: Annotated[_Seconds | None, Meta(description="So long it charges.")] = None
    power_w: Annotated[_Watts | None, Meta(description="Instead of that: at this power.")] = None
    parked_s: Annotated[_Seconds, Meta(description="So long the car stays after charging.")] = 0
    language: Annotated[Tongue, Meta(description="Of the text.")] = Tongue.EN
    party: Annotated[str | None, Meta(description="Our CPO; needed only if there are several.")] = None


class QuotedTariff(msgspec.Struct, frozen=True, kw_only=True):
    owner: str
    quote: Quote
    estimate: Estimate | None
    """None: no session was told."""
    lines: tuple[str, ...]
    """Both for people."""


async def quote_tariff(desk: Desk, params: QuoteTariff) -> QuotedTariff:
    """Tell what charging will cost before it starts."""
    if (params.tariff is None) == (params.station is None):
        raise Refused(Kind.USAGE, "expected either a tariff or --station", pointer="/tariff")
    at = sane_moment(params.at, "/at") or desk.clock.now()
    plan = _plan(params, at)
    owner = (await own_party(desk, params.party, Role.CPO)).id
    by_id = params.tariff is not None
    tariff, zone = await (_named(desk, owner, params) if by_id else _at_station(desk, owner, params, at))
    try:
        told = quote(tariff, at, zone)
        reckoned = estimate(tariff, plan, zone) if plan is not None else None
    except NotPriced as problem:
        raise Refused(Kind.CONFLICT, f"there is no price: {problem}") from None
    phrases = BOOKS[params.language]
    lines = (*quote_lines(told, phrases), *(estimate_lines(reckoned, phrases, (tariff,)) if reckoned else ()))
    return QuotedTariff(owner=str(owner), quote=told, estimate=reckoned, lines=lines)


def _plan(params: QuoteTariff, at: datetime) -> Plan | None:
    energy, duration, power = params.energy_wh, params.duration_s, params.power_w
    if energy is None:
        if duration is not None or power is not None or params.parked_s:
            raise Refused(Kind.USAGE, "how much it charges is not said", "say --energy-wh", "/energy_wh")
        return None
    if (duration is None) == (power is None):
        hint = "say how long, or at which power"
        raise Refused(Kind.USAGE, "expected either --duration-s or --power-w", hint, "/duration_s")
    if power is not None:
        return planned(at, energy, power_w=power, parked_s=params.parked_s)
    if energy and not duration:
        raise Refused(Kind.USAGE, "energy takes time", "say a duration above 0", "/duration_s")
    return Plan(start=at, energy_wh=energy, duration_s=duration or 0, parked_s=params.parked_s)


async def _named(desk: Desk, owner: PartyId, params: QuoteTariff) -> tuple[Tariff, str]:
    """A tariff by its id, and the zone of the places where it counts."""
    if params.token is not None or params.evse or params.connector:
        raise Refused(Kind.USAGE, "tokens and connectors belong to a station", "say --station", "/station")
    tariff = await stored_tariff(desk, owner, params.tariff or "")
    if params.time_zone is not None:
        return tariff, params.time_zone
    zones = {place.time_zone async for place in places_of(desk.spine, owner, tariff.id)}
    if len(zones) != 1:
        where = f"tariff {tariff.id} counts in {', '.join(sorted(zones)) or 'no place yet'}"
        raise Refused(Kind.USAGE, f"{where}, so its times are not known", "say --time-zone", "/time_zone")
    return tariff, zones.pop()


async def _at_station(desk: Desk, owner: PartyId, params: QuoteTariff, at: datetime) -> tuple[Tariff, str]:
    """The tariff of a session at a station, as its rating would find it."""
    if params.time_zone is not None:
        raise Refused(Kind.USAGE, "a station has its time zone", "leave --time-zone out", "/time_zone")
    station = params.station or ""
    own, ad_hoc = await _token_tariff(desk, owner, params)
    try:
        tariff, place = await Rating(desk.spine).offered(
            owner, station, params.evse, params.connector, at, tariff_id=own, ad_hoc=ad_hoc
        )
    except UNPRICED as problem:
        raise Refused(Kind.CONFLICT, f"there is no price: {problem}", pointer="/station") from None
    return tariff, place.location.time_zone


async def _token_tariff(desk: Desk, owner: PartyId, params: QuoteTariff) -> tuple[str | None, bool]:
    """The tariff of a token's own, or agreed with its party, and whether it is nobody's contract."""
    if params.token is None:
        return None, True
    key = {"owner": str(owner), "ref": desk.keys.token_ref(params.token.strip())}
    row = await desk.spine.get(t.allowance, **key)
    own = "" if row is None else msgspec.json.decode(str(row["document"]), type=Allowance).tariff_id
    rows = await desk.spine.find(t.identity, key, limit=_MOST_ISSUERS)
    issuer = min((PartyId.parse(str(row["party"])) for row in rows), default=None)
    if issuer is None or issuer == owner:
        return own or None, issuer is None
    agreed = await Partners(desk.spine, desk.clock).standing(
        owner, params.station or "", issuer, params.evse, params.connector, bounded=False
    )
    if agreed.refusal:
        raise Refused(Kind.CONFLICT, f"the token may not charge there: {agreed.refusal}", "", "/token")
    return own or agreed.tariff_id or None, False


def _shown(quoted: QuotedTariff) -> str:
    return "\n".join(quoted.lines)


QUOTE = Verb(
    "tariff quote",
    "Tell what charging costs before it starts: by a tariff, or at a station; and estimate a session.",
    QuoteTariff,
    QuotedTariff,
    quote_tariff,
    show=_shown,
    optional="tariff",
    reads=True,
)
