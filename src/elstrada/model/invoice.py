"""What the electricity retailer bills: customers, contracts, plans and lines."""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal
from enum import StrEnum

import msgspec

from elstrada.model.cost import CostLine
from elstrada.model.ids import PartyId


class RetailMode(StrEnum):
    """How a plan prices a session. Source: pricing-and-billing 3.1, modes a and b."""

    FIXED_PER_KWH = "FIXED_PER_KWH"
    COST_PLUS = "COST_PLUS"


class Prices(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """What a plan asks of a session. Money is before tax."""

    mode: RetailMode
    currency: str
    price_per_kwh: Decimal = Decimal(0)
    """FIXED_PER_KWH: the price; COST_PLUS: what is added per kWh."""
    price_per_session: Decimal = Decimal(0)
    markup_percent: Decimal = Decimal(0)
    """COST_PLUS: on the CDR's cost before taxes."""


class PlanChange(Prices, frozen=True, omit_defaults=True, kw_only=True):
    """What a plan asks from a day on."""

    valid_from: date
    """Of sessions that begin on this local day or later."""


class Plan(Prices, frozen=True, omit_defaults=True, kw_only=True):
    """A product the retailer sells. Its own prices hold until the first change."""

    owner: PartyId
    id: str
    name: str
    changes: tuple[PlanChange, ...] = ()
    """In order of their days, no two of one day. They stay: a CDR may come long after its session."""

    def on(self, day: date) -> Plan:
        """The plan with the prices of sessions that begin on this local day, and no history."""
        held = [change for change in self.changes if change.valid_from <= day]
        asked = prices_of(held[-1] if held else self)
        return msgspec.structs.replace(self, **msgspec.structs.asdict(asked), changes=())


def prices_of(told: Prices) -> Prices:
    """What a plan, or a change of it, asks, and nothing else."""
    return Prices(
        mode=told.mode,
        currency=told.currency,
        price_per_kwh=told.price_per_kwh,
        price_per_session=told.price_per_session,
        markup_percent=told.markup_percent,
    )


class Customer(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """A customer of the retailer. An erasable record (T28)."""

    owner: PartyId
    id: str
    """The retailer's customer number."""
    name: str
    language: str = "sv"


class PlanMove(msgspec.Struct, frozen=True, kw_only=True):
    """A contract gets another plan."""

    valid_from: date
    """For sessions that begin on this local day or later."""
    plan_id: str


class Contract(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """A customer's agreement, tied to the electricity supply it is billed with."""

    owner: PartyId
    id: str
    """Contract id as tokens carry it (eMAID), such as SERETC00000017."""
    customer_id: str
    plan_id: str
    """Until the first move."""
    supply_point_id: str
    """Anläggnings-id: GSRN of 18 digits in Sweden."""
    valid_from: date
    valid_to: date | None = None
    countries: tuple[str, ...] = ()
    """Where it may be used, ISO 3166-1 alpha-3; empty, as ``locations``: everywhere."""
    locations: tuple[str, ...] = ()
    """At which of partners' locations it may be used as well, such as SE*ELS/L1."""
    moves: tuple[PlanMove, ...] = ()
    """To other plans, in order of their days, no two of one day."""

    def plan_on(self, day: date) -> str:
        """Id of the plan of sessions that begin on this local day."""
        held = [move.plan_id for move in self.moves if move.valid_from <= day]
        return held[-1] if held else self.plan_id

    @property
    def plan_ids(self) -> tuple[str, ...]:
        """Of all plans that it has, had or will have."""
        return tuple(dict.fromkeys((self.plan_id, *(move.plan_id for move in self.moves))))

    @property
    def is_restricted(self) -> bool:
        """May it be used at some places alone?"""
        return bool(self.countries or self.locations)

    def is_good_at(self, cpo: PartyId, location_id: str, country: str) -> bool:
        """May it be used at this place?

        Args:
            country: ISO 3166-1 alpha-3.
        """
        if not self.is_restricted:
            return True
        # OCPI compares ids without case.
        place = f"{cpo}/{location_id}".casefold()
        return country.upper() in self.countries or any(place == one.casefold() for one in self.locations)


class BillLine(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """One line on the electricity bill: one session. Source: pricing-and-billing 3.3 point 5."""

    id: str
    contract_id: str
    customer_id: str
    supply_point_id: str
    plan_id: str
    cdr_party: PartyId
    cdr_id: str
    evse_id: str
    place: str
    start_date_time: datetime
    end_date_time: datetime
    """UTC; the bill shows them in ``time_zone``."""
    time_zone: str
    country: str
    """ISO 3166-1 alpha-3, of the charge point: VAT follows it."""
    quantity_kwh: Decimal
    net: Decimal
    vat_percent: Decimal | None
    """None: no rate is configured for the country and date; the line is then held back."""
    vat: Decimal | None
    gross: Decimal | None
    currency: str
    wholesale_net: Decimal
    wholesale_currency: str
    lines: tuple[CostLine, ...] = ()
    notes: tuple[str, ...] = ()
    credit_of: str = ""
    """Id of the line that this one takes back; empty: it takes none back."""
