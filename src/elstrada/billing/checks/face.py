"""What every check takes and gives."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from decimal import Decimal

import msgspec

from elstrada.model.cdr import Cdr
from elstrada.model.cost import Cost
from elstrada.model.examination import Severity, Thresholds
from elstrada.model.location import Connector, Evse, GeoLocation, Location
from elstrada.model.session import ChargingPeriod, Session
from elstrada.model.signed import SignedCheck
from elstrada.model.tariff import Tariff
from elstrada.model.token import Whitelist

ZERO = Decimal(0)
CENT = Decimal("0.01")
WH = Decimal("0.001")
"""In kWh."""
SECONDS_36 = Decimal("0.01")
"""In hours."""
PER_CENT = Decimal("0.01")


class Unexamined(msgspec.Struct, frozen=True):
    """A check that could not be made."""

    why: str
    """What is missing."""


Outcome = str | Unexamined | None
"""What is wrong; or why nobody can say; or None: nothing is."""


class Neighbour(msgspec.Struct, frozen=True, kw_only=True):
    """Another CDR that counts, of the same token or at the same EVSE."""

    party: str
    cdr_id: str
    start: datetime
    end: datetime
    energy: Decimal
    """kWh."""
    location_id: str
    evse_uid: str
    connector_id: str
    coordinates: GeoLocation


class Credited(msgspec.Struct, frozen=True, kw_only=True):
    """The CDR that a credit CDR names."""

    cdr: Cdr
    by: str | None = None
    """The credit CDR that gave it back before this one."""
    accepted: bool = False
    """It counts, by our examination or by somebody's decision."""


class Retail(msgspec.Struct, frozen=True, kw_only=True):
    """What the retailer's customer pays for the session."""

    net: Decimal
    currency: str


class Known(msgspec.Struct, frozen=True, kw_only=True):
    """What the receiver knows beside the CDR. None, or what says so: it does not know."""

    token: bool
    """We issued the token."""
    now: datetime
    """When the CDR came, or is looked at again."""
    received_at: datetime | None = None
    """When it came; None: now."""
    limits: Thresholds = Thresholds()
    content_hash: str = ""
    """Of this CDR as received."""
    earlier_hash: str | None = None
    """Of a CDR of the same party and id that came before."""
    blocked_since: datetime | None = None
    """Of a token that may not charge: since when."""
    whitelist: Whitelist | None = None
    """Of the token, at the session's start."""
    billed_as: str | None = None
    """Another CDR of the same session and party that is on a bill, and was not credited."""
    given_back: tuple[Cdr, ...] = ()
    """CDRs of the same session and party that were credited."""
    original: Credited | None = None
    """Of a credit CDR: what it gives back, if we have that."""
    cost: Cost | None = None
    """As the CDR's own tariffs give it; None where it was not reckoned."""
    not_priced: str = ""
    """Why the CDR's own tariffs give no price."""
    retail: Retail | None = None
    """None: it was not rated, or is not billed by us."""
    vat_percent: Decimal | None = None
    """The rate of the charge point's country at the session's end."""
    zone: str | None = None
    """IANA name, by which local times were read."""
    zone_guessed: bool = False
    """Neither the location nor the CDR names it: it is that of the country."""
    place: Location | None = None
    """Our copy."""
    places: bool = False
    """We have locations of this party, so one that is missing is unknown indeed."""
    tariffs_then: tuple[Tariff, ...] | None = None
    """Those of the CDR's tariffs of which we had a copy at the session's start."""
    session: Session | None = None
    """As its CPO told it last."""
    sessions: bool = False
    """The party tells us of its sessions."""
    of_token: tuple[Neighbour, ...] | None = None
    """CDRs of the same token, in the days around this one."""
    at_evse: tuple[Neighbour, ...] | None = None
    """CDRs of the same EVSE before this one, and over it, the latest last."""
    month_kwh: Decimal | None = None
    """Of the token in the calendar month of this session, without it."""
    sender_may: bool | None = None
    """Who sent it speaks for the party."""
    reference_given: bool | None = None
    """We gave the authorization reference."""
    reference_at: str | None = None
    """The location for which we gave it."""
    reserved: bool | None = None
    """We know of a reservation of this token at this location."""
    signed: SignedCheck | None = None
    """What our verifier says of its signed values; None: it was not asked."""


class Check(msgspec.Struct, frozen=True):
    id: str
    severity: Severity
    find: Callable[[Cdr, Known], Outcome]
    credits: bool = True
    """It is made of a credit CDR too, which repeats the CDR that it gives back but for the total."""
    fixed: bool = False
    """Nothing else can be agreed of it: what it finds cannot be carried out."""


def evse_in(known: Known, cdr: Cdr) -> Evse | None:
    """The EVSE in our copy of the place; ids are compared without case."""
    if known.place is None:
        return None
    uid = cdr.cdr_location.evse_uid.casefold()
    return next((evse for evse in known.place.evses if evse.uid.casefold() == uid), None)


def connector_in(known: Known, cdr: Cdr) -> Connector | None:
    """The connector in our copy of the place."""
    evse, id = evse_in(known, cdr), cdr.cdr_location.connector_id.casefold()
    return evse and next((one for one in evse.connectors if one.id.casefold() == id), None)


def volume_of(period: ChargingPeriod, kind: str) -> Decimal:
    """The period's volume of a dimension; 0 where it has none."""
    return sum((one.volume for one in period.dimensions if one.type == kind), ZERO)


def total_of(cdr: Cdr, kind: str) -> Decimal:
    """The volume of a dimension over all periods."""
    return sum((volume_of(period, kind) for period in cdr.charging_periods), ZERO)
