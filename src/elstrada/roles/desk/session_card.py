"""The verb that shows one session: what is known of it, what it cost, and what its station says of the cost."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from decimal import Decimal
from typing import Annotated, cast

import msgspec
from msgspec import Meta

from elstrada.billing.reckoned import disagreement, shown
from elstrada.model.allowance import LimitedBy, LimitKind, SessionLimit
from elstrada.model.cost import Cost
from elstrada.model.facts import SessionLimited, SessionLimitReached
from elstrada.model.ids import PartyId, station_stream
from elstrada.model.preferences import ChargingPreferences, PreferencesAnswer
from elstrada.model.reckoning import Reckoning, StationCost
from elstrada.model.settlement import Settlement
from elstrada.roles.desk.face import Desk, Verb
from elstrada.roles.desk.session_cost import NoCost, SessionCost, session_cost
from elstrada.roles.desk.session_energy import (
    CarCharging,
    OurParty,
    OurSession,
    car_lines,
    car_of,
    session_of,
)
from elstrada.roles.desk.shapes import in_one_line
from elstrada.roles.rating import Rating, reckoning_of
from elstrada.roles.session_cdr import session_cdr
from elstrada.roles.settlements import paid_otherwise, settlements
from elstrada.spine import tables as t
from elstrada.spine.face import Recorded, Row, Spine
from elstrada.tariffs.phrases import BOOKS, Tongue

_MOST_SAYS = 100


class ShowSession(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    session: OurSession
    language: Annotated[Tongue, Meta(description="Of the steps of its cost.")] = Tongue.EN
    party: OurParty = None


class DriversWish(msgspec.Struct, frozen=True, kw_only=True):
    """What a driver wants of a session, and what was answered."""

    party: str
    """His eMSP."""
    wanted: ChargingPreferences
    answer: PreferencesAnswer
    at: datetime


class SessionCard(CarCharging, frozen=True, kw_only=True):
    """All that is known of one session."""

    session_id: str
    station_id: str
    transaction_id: str | None
    """Its name at the station."""
    evse_id: int | None
    connector_id: int | None
    token_ref: str | None
    token_party: str | None
    auth_method: str | None
    started_at: datetime | None
    ended_at: datetime | None
    completed_at: datetime | None
    energy_wh: int | None
    power_w: int | None
    reason: str | None
    cdr_id: str | None
    """None: it has no CDR, or none yet."""
    currency: str | None
    cost_before_taxes: Decimal | None
    cost_after_taxes: Decimal | None
    priced: SessionCost | None
    """Its cost step by step; of a session that runs, up to its latest reading. None: it has none, or none yet."""
    unpriced: str | None
    """Why it has none."""
    limit: SessionLimit | None
    """The most it may take, by its token."""
    station_limit: SessionLimit | None
    """Likewise, as its station last said."""
    limits_reached: tuple[LimitKind, ...]
    station_tariffs: tuple[str, ...]
    """By which the station says that it prices, in its words."""
    station_cost: StationCost | None
    """What the station reckoned by itself, as it told it last."""
    disagreement: str | None
    """How that departs from our price."""
    settlements: tuple[Settlement, ...]
    """Its payments at the station's terminal."""
    paid_otherwise: str | None
    """How what was paid departs from our price."""
    preferences: DriversWish | None
    """What its driver's eMSP told last that he wants."""
    steered_by: tuple[str, ...]
    """Partners whose charging profiles its station has taken."""


async def show_session(desk: Desk, params: ShowSession) -> SessionCard:
    owner, row = await session_of(desk, params.session, params.party)
    facts = await _facts(desk.spine, owner, row)
    told = reckoning_of(params.session, facts) or Reckoning()
    paid = await settlements(desk.spine, owner, row)
    cdr = await session_cdr(desk.spine, owner, params.session)
    cost = None if cdr is None or cdr["cost"] is None else msgspec.json.decode(str(cdr["cost"]), type=Cost)
    told_cost = await session_cost(desk, owner, row, facts, cdr, BOOKS[params.language])
    found = {name: row[name] for name in SessionCard.__struct_fields__ if name in row}
    card = {
        **found,
        **msgspec.structs.asdict(await car_of(desk, owner, row)),
        "cdr_id": None if cdr is None else cdr["cdr_id"],
        "currency": cost and cost.currency,
        "cost_before_taxes": cost and cost.total.before_taxes,
        "cost_after_taxes": cost and cost.total.after_taxes,
        "priced": told_cost if isinstance(told_cost, SessionCost) else None,
        "unpriced": told_cost.reason if isinstance(told_cost, NoCost) else None,
        "limit": _limit(facts, LimitedBy.US),
        "station_limit": _limit(facts, LimitedBy.STATION),
        "limits_reached": tuple(one.fact.kind for one in facts if isinstance(one.fact, SessionLimitReached)),
        "station_tariffs": told.tariff_ids,
        "station_cost": told.cost,
        "settlements": paid,
        "paid_otherwise": paid_otherwise(paid, cost) if cost else None,
        "preferences": await _wish(desk.spine, owner, params.session),
        "steered_by": await _steered_by(desk.spine, owner, params.session),
        "disagreement": disagreement(told.cost, cost) if told.cost and cost else None,
    }
    return msgspec.convert(card, SessionCard)


async def _wish(spine: Spine, owner: PartyId, session_id: str) -> DriversWish | None:
    row = await spine.get(t.session_preference, owner=str(owner), session_id=session_id)
    if row is None:
        return None
    wanted = msgspec.json.decode(str(row["document"]), type=ChargingPreferences)
    answer = PreferencesAnswer(str(row["answer"]))
    return DriversWish(party=str(row["party"]), wanted=wanted, answer=answer, at=cast(datetime, row["at"]))


async def _steered_by(spine: Spine, owner: PartyId, session_id: str) -> tuple[str, ...]:
    rows = await spine.find(t.steering, {"owner": str(owner), "session_id": session_id}, limit=_MOST_SAYS)
    return tuple(str(row["party"]) for row in rows if row["set_at"] is not None)


async def station_said(spine: Spine, owner: PartyId, session: Row) -> Reckoning | None:
    """What a session's station reckoned of it; None: nothing, or its facts are gone."""
    return reckoning_of(str(session["session_id"]), await _facts(spine, owner, session))


async def _facts(spine: Spine, owner: PartyId, session: Row) -> list[Recorded]:
    stream = station_stream(owner, str(session["station_id"]))
    first, session_id = cast(int, session["first_version"]), str(session["session_id"])
    return await Rating(spine).facts_of(stream, first, session_id)


def _limit(facts: list[Recorded], by: LimitedBy) -> SessionLimit | None:
    """The latest limit that one side set."""
    told = [one.fact for one in facts if isinstance(one.fact, SessionLimited) and one.fact.by is by]
    return told[-1].limit if told else None


def reckoned_lines(told: StationCost, ours: Cost | None) -> Iterator[str]:
    """What a station reckoned, for people."""
    which = "" if told.bound == "NormalCost" else f", its {told.bound}"
    yield f"The station reckoned {shown(told.total, told.currency)}{which}"
    if ours is not None:
        yield f"Note: {disagreement(told, ours) or 'that is our price, as far as it told one'}"


def _paid(one: Settlement) -> str:
    receipt = one.receipt_id or one.receipt_url
    return f"{one.psp_ref}: {one.status} {one.amount}" + (f", receipt {receipt}" if receipt else "")


def _wished(wish: DriversWish) -> str:
    wanted = wish.wanted
    parts = [wanted.profile_type.value]
    parts += [] if wanted.energy_need_kwh is None else [f"{wanted.energy_need_kwh:f} kWh"]
    parts += [] if wanted.departure_time is None else [f"until {wanted.departure_time:%F %TZ}"]
    parts += ["may give back"] if wanted.discharge_allowed else []
    return f"{', '.join(parts)}, told by {wish.party}; answered {wish.answer.value}"


def _shown(card: SessionCard) -> str:
    plain = (
        *("limit", "station_limit", "limits_reached", "station_cost", "station_tariffs", "disagreement"),
        *("settlements", "paid_otherwise", "preferences", "steered_by", "priced", "unpriced"),
    )
    others = {*plain, *CarCharging.__struct_fields__}
    told = {name: getattr(card, name) for name in card.__struct_fields__ if name not in others}
    lines = [f"{name.replace('_', ' ')}: {value}" for name, value in told.items() if value is not None]
    for name, limit in (("limit", card.limit), ("station limit", card.station_limit)):
        if limit is not None:
            told = msgspec.structs.asdict(limit)
            lines.append(
                f"{name}: {', '.join(f'{key} {value}' for key, value in told.items() if value is not None)}"
            )
    if card.priced is not None:
        lines += card.priced.lines
    if card.unpriced is not None:
        lines.append(f"no price: {card.unpriced}")
    if card.limits_reached:
        lines.append(f"limits reached: {', '.join(card.limits_reached)}")
    if card.station_tariffs:
        lines.append(f"station tariffs: {', '.join(card.station_tariffs)}")
    if card.station_cost is not None:
        lines += reckoned_lines(card.station_cost, None)
    lines += [f"payment: {_paid(one)}" for one in card.settlements]
    if card.preferences is not None:
        lines.append(f"preferences: {_wished(card.preferences)}")
    if card.steered_by:
        lines.append(f"charging profile set by: {', '.join(card.steered_by)}")
    lines += [f"Note: {note}" for note in (card.disagreement, card.paid_otherwise) if note is not None]
    lines += car_lines(card)
    return "\n".join(in_one_line(line) for line in lines)


SHOW = Verb(
    "session show",
    "Show one session: its cost, the cost its station reckoned, and how its car charges.",
    ShowSession,
    SessionCard,
    show_session,
    show=_shown,
    reads=True,
)
