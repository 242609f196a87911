"""Verbs on agreements: what a partner's parties see, send and pay with one of ours."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import datetime
from decimal import Decimal
from typing import Annotated

import msgspec
from msgspec import Meta
from msgspec.structs import replace

from elstrada.model.agreement import (
    ALL_PARTIES,
    DEFAULT,
    Agreement,
    Asking,
    Bounds,
    PartnerTariff,
    Places,
    Silence,
    Which,
)
from elstrada.model.facts import AgreementEnded, AgreementMade
from elstrada.model.ids import PartyId
from elstrada.model.location import Location
from elstrada.ocpi.versions import TABLES
from elstrada.roaming.agreement import FREE
from elstrada.roles.desk import agreed_checks
from elstrada.roles.desk.agreement_found import (
    OwnParty,
    Partner,
    PartnerParty,
    known,
    partner,
    say,
    with_party,
)
from elstrada.roles.desk.face import Desk, Kind, Refused, Verb
from elstrada.roles.desk.lookups import needed, sane_moment
from elstrada.roles.desk.paging import After, Page, owners, page_of
from elstrada.roles.desk.shapes import Count, Moment, Text36
from elstrada.roles.roaming.agreements import agreement_in, agreement_made
from elstrada.spine import tables as t
from elstrada.spine.face import Row, Where
from elstrada.spine.paging import pages

MODULES = frozenset(endpoint.module for table in TABLES.values() for endpoint in table) - FREE
ALL, NONE = "all", "none"
MOST_MONEY = Decimal(10**12)
_TARIFF = re.compile(r"^([^@/]{1,36})(?:@([^/]{1,36})(?:/([^/]{1,36}))?(?:/([^/]{1,36}))?)?$")
_Modules = tuple[Annotated[str, Meta(max_length=40)], ...]


class SetAgreement(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    partner: Partner
    with_party: PartnerParty = None
    sends: Annotated[
        _Modules, Meta(description="A module whose sender we are; repeatable; all, or none.")
    ] = ()
    receives: Annotated[
        _Modules, Meta(description="A module whose receiver we are; repeatable; all, or none.")
    ] = ()
    places: Annotated[
        Which | None, Meta(description="Which of our locations it sees: all, those named, or all but those.")
    ] = None
    location: Annotated[tuple[Text36, ...], Meta(description="With --places: a location; repeatable.")] = ()
    group: Annotated[
        tuple[Text36, ...],
        Meta(description="With --places: a group of locations (`location put --group`); repeatable."),
    ] = ()
    country: Annotated[
        tuple[Annotated[str, Meta(pattern="^[A-Z]{3}$")], ...],
        Meta(description="With --places: ISO 3166-1 alpha-3; repeatable."),
    ] = ()
    tariff: Annotated[
        tuple[Annotated[str, Meta(max_length=160)], ...],
        Meta(
            description="T2, or T2@LOCATION[/EVSE[/CONNECTOR]]: the tariff it is shown and pays; repeatable; none."
        ),
    ] = ()
    asking: Annotated[Asking | None, Meta(description="Whether it is asked about a token that is shown.")] = (
        None
    )
    silence: Annotated[Silence | None, Meta(description="What holds when it does not answer.")] = None
    most_sessions: Annotated[
        Annotated[int, Meta(ge=1, le=10**6)] | None, Meta(description="Most sessions that run at once.")
    ] = None
    most_energy_wh: Annotated[
        Annotated[int, Meta(ge=1, le=10**13)] | None,
        Meta(description="Most energy in a calendar month, in Wh."),
    ] = None
    most_cost: Annotated[
        Decimal | None,
        Meta(description="Most that is owed for a calendar month, before taxes, in our currency."),
    ] = None
    valid_from: Annotated[Moment | None, Meta(description="From when on it holds; before, nothing does.")] = (
        None
    )
    valid_to: Annotated[Moment | None, Meta(description="Until when it holds.")] = None
    default: Annotated[
        bool, Meta(description="What is not named here is as by default, and not as it was.")
    ] = False
    party: OwnParty = None


class EndAgreement(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    partner: Partner
    with_party: PartnerParty = None
    note: Annotated[Annotated[str, Meta(max_length=500)], Meta(description="Why.")] = ""
    party: OwnParty = None


class ShowAgreement(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    partner: Partner
    with_party: PartnerParty = None
    party: OwnParty = None


class ListAgreements(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    partner: Annotated[str | None, Meta(description="Only those with this one.")] = None
    party: Annotated[str | None, Meta(description="Only those of this party of ours.")] = None
    limit: Annotated[Count, Meta(description="Most lines.")] = 1000
    after: After = None


class AgreementLine(msgspec.Struct, frozen=True, kw_only=True):
    party: str
    partner: str
    with_party: str
    """``*``: all those without one of their own."""
    holds: bool
    """Now."""
    sends: tuple[str, ...]
    receives: tuple[str, ...]
    places: Places
    tariffs: tuple[PartnerTariff, ...]
    asking: Asking
    silence: Silence
    bounds: Bounds
    valid_from: datetime | None
    valid_to: datetime | None
    note: str
    changed_at: datetime | None
    """None: by default, for nothing else was agreed."""


async def set_agreement(desk: Desk, params: SetAgreement) -> AgreementLine:
    """Agree on something with a partner; what is not named stays as it was."""
    owner, peer = await partner(desk, params.partner, params.party)
    of = with_party(peer, params.with_party)
    _, row = await known(desk, owner, peer.id, of)
    made = _changed(DEFAULT if params.default or row is None else agreement_made(row), params)
    agreement = replace(made, party=of)
    await _check(desk, owner, agreement)
    await say(desk, owner, peer.id, AgreementMade(peer.id, agreement))
    return _line(owner, peer.id, agreement, desk.clock.now(), desk.clock.now())


async def end_agreement(desk: Desk, params: EndAgreement) -> AgreementLine:
    """End what is agreed with a partner, the default included; CDRs of what began are settled all the same."""
    owner, peer = await partner(desk, params.partner, params.party)
    of, now = with_party(peer, params.with_party), desk.clock.now()
    agreement, _ = await known(desk, owner, peer.id, of)
    await say(desk, owner, peer.id, AgreementEnded(peer.id, of, params.note))
    ends = now if agreement.valid_to is None else min(now, agreement.valid_to)
    return _line(owner, peer.id, replace(agreement, party=of, valid_to=ends), now, now, params.note)


async def show_agreement(desk: Desk, params: ShowAgreement) -> AgreementLine:
    """Say what is agreed with a partner now."""
    owner, peer = await partner(desk, params.partner, params.party)
    of = with_party(peer, params.with_party)
    agreement, row = await known(desk, owner, peer.id, of)
    note = "" if row is None else str(row["note"] or "")
    changed_at = None if row is None else row["changed_at"]
    assert changed_at is None or isinstance(changed_at, datetime)
    return _line(owner, peer.id, replace(agreement, party=of), desk.clock.now(), changed_at, note)


async def list_agreements(desk: Desk, params: ListAgreements) -> Page[AgreementLine]:
    more: Where = {} if params.partner is None else {"peer_id": params.partner}
    wheres = [{"owner": owner, **more} for owner in await owners(desk, params.party)]
    order = ("owner", "peer_id", "party")
    rows = await page_of(desk, t.agreement, wheres, order, limit=params.limit, after=params.after)
    return rows.lines(lambda row: _line_of(row, desk.clock.now()))


# --- below ------------------------------------------------------------------------------------------


def _changed(known: Agreement, params: SetAgreement) -> Agreement:
    changes: dict[str, object] = {
        name: value
        for name in ("asking", "silence", "valid_from", "valid_to")
        if (value := getattr(params, name)) is not None
    }
    for name in ("sends", "receives"):
        named: tuple[str, ...] = getattr(params, name)
        if named:
            changes[name] = _modules(named, f"/{name}")
    places = _places(params)
    if places is not None:
        changes["places"] = places
    if params.tariff:
        changes["tariffs"] = () if params.tariff == (NONE,) else tuple(map(_tariff, params.tariff))
    cost = params.most_cost
    if cost is not None and not (cost.is_finite() and 0 < cost <= MOST_MONEY):
        raise Refused(Kind.USAGE, f"expected more than 0, and {MOST_MONEY} at most", pointer="/most_cost")
    bounds = {
        "open_sessions": params.most_sessions,
        "energy_wh": params.most_energy_wh,
        "cost": params.most_cost,
    }
    changes["bounds"] = replace(known.bounds, **{key: one for key, one in bounds.items() if one is not None})
    made = replace(known, **changes)
    begins = sane_moment(made.valid_from, "/valid_from")
    ends = sane_moment(made.valid_to, "/valid_to")
    if begins is not None and ends is not None and begins >= ends:
        says = f"it would end ({ends:%Y-%m-%dT%H:%MZ}) before it begins ({begins:%Y-%m-%dT%H:%MZ})"
        raise Refused(Kind.USAGE, says, "name the other moment as well", "/valid_to")
    return made


def _modules(named: tuple[str, ...], pointer: str) -> tuple[str, ...] | None:
    if named == (ALL,):
        return None
    if named == (NONE,):
        return ()
    unknown = sorted(set(named) - MODULES)
    if unknown:
        says = f"no module: {unknown[0]!r}; expected all, none, or some of {', '.join(sorted(MODULES))}"
        raise Refused(Kind.USAGE, says, pointer=pointer)
    return tuple(sorted(set(named)))


def _places(params: SetAgreement) -> Places | None:
    names = (params.location, params.group, params.country)
    if params.places is None:
        if any(names):
            says = "places are named, but not whether they alone are seen"
            raise Refused(Kind.USAGE, says, "add --places LISTED or --places EXCLUDED", "/places")
        return None
    if params.places is Which.ALL and any(names):
        raise Refused(Kind.USAGE, "all locations are seen, so none is to be named", pointer="/places")
    return Places(
        which=params.places, locations=params.location, groups=params.group, countries=params.country
    )


def _tariff(text: str) -> PartnerTariff:
    found = _TARIFF.match(text)
    if found is None:
        says = f"not a partner's tariff: {text[:60]!r}; expected like T2, T2@L1, T2@L1/E1 or T2@L1/E1/1"
        raise Refused(Kind.USAGE, says, pointer="/tariff")
    tariff_id, location_id, evse_uid, connector_id = found.groups()
    return PartnerTariff(
        tariff_id=tariff_id, location_id=location_id, evse_uid=evse_uid, connector_id=connector_id
    )


async def _check(desk: Desk, owner: PartyId, agreement: Agreement) -> None:
    """Is everything there that it names, and is its tariff nobody else's?"""
    key = {"owner": str(owner), "party": str(owner)}
    for id in (
        *agreement.places.locations,
        *(one.location_id for one in agreement.tariffs if one.location_id),
    ):
        await needed(
            desk,
            t.location,
            f"location {id!r} of {owner}",
            "see `elstrada location list`",
            **key,
            location_id=id,
        )
    wanted = {one.tariff_id for one in agreement.tariffs}
    for id in sorted(wanted):
        await needed(
            desk, t.tariff, f"tariff {id!r} of {owner}", "see `elstrada tariff list`", **key, tariff_id=id
        )
    if not wanted:
        return
    async for rows in pages(desk.spine, t.location, {**key, "source": "own"}):
        for row in rows:
            location = msgspec.json.decode(str(row["document"]), type=Location)
            for id in sorted(wanted & set(_tariffs(location))):
                says = f"tariff {id} is everybody's at location {location.id}; a partner's own would be hidden from others"
                raise Refused(
                    Kind.CONFLICT, says, "put the same prices under an id of the partner's own", "/tariff"
                )


def _tariffs(location: Location) -> Iterator[str]:
    for evse in location.evses:
        for connector in evse.connectors:
            yield from connector.tariff_ids


def _line_of(row: Row, now: datetime) -> AgreementLine:
    agreement = agreement_in(row)
    if row["party"] != ALL_PARTIES:
        agreement = replace(agreement, party=PartyId.parse(str(row["party"])))
    changed_at = row["changed_at"]
    assert isinstance(changed_at, datetime), "the column is a time"
    owner = PartyId.parse(str(row["owner"]))
    return _line(owner, str(row["peer_id"]), agreement, now, changed_at, str(row["note"] or ""))


def _line(
    owner: PartyId,
    peer_id: str,
    agreement: Agreement,
    now: datetime,
    changed_at: datetime | None,
    note: str = "",
) -> AgreementLine:
    return AgreementLine(
        party=str(owner),
        partner=peer_id,
        with_party=str(agreement.party or ALL_PARTIES),
        holds=agreement.holds(now),
        sends=(ALL,) if agreement.sends is None else agreement.sends or (NONE,),
        receives=(ALL,) if agreement.receives is None else agreement.receives or (NONE,),
        places=agreement.places,
        tariffs=agreement.tariffs,
        asking=agreement.asking,
        silence=agreement.silence,
        bounds=agreement.bounds,
        valid_from=agreement.valid_from,
        valid_to=agreement.valid_to,
        note=note,
        changed_at=changed_at,
    )


# --- for people -------------------------------------------------------------------------------------


def _shown(line: AgreementLine) -> str:
    return "\n".join(_lines(line))


def _lines(line: AgreementLine) -> Iterator[str]:
    whom = "all its parties" if line.with_party == ALL_PARTIES else line.with_party
    by = "by default" if line.changed_at is None else f"since {line.changed_at:%Y-%m-%d %H:%M}Z"
    yield f"{line.party} with {whom} of {line.partner}, {by}: {'holds' if line.holds else 'does not hold now'}"
    yield f"  we send      {', '.join(line.sends)}"
    yield f"  we receive   {', '.join(line.receives)}"
    named = (*line.places.locations, *line.places.groups, *line.places.countries)
    yield f"  it sees      {line.places.which.value.lower()} locations{': ' if named else ''}{', '.join(named)}"
    for one in line.tariffs:
        where = [each for each in (one.location_id, one.evse_uid, one.connector_id) if each is not None]
        yield f"  its tariff   {one.tariff_id} at {'/'.join(where) or 'all locations'}"
    yield f"  asked        {line.asking.value}, if silent {line.silence.value}"
    bounds = line.bounds
    if bounds.open_sessions is not None:
        yield f"  at once      {bounds.open_sessions} sessions"
    if bounds.energy_wh is not None:
        yield f"  a month      {bounds.energy_wh} Wh"
    if bounds.cost is not None:
        yield f"  a month      {bounds.cost} before taxes"
    for word, at in (("from", line.valid_from), ("until", line.valid_to)):
        if at is not None:
            yield f"  {word:<12} {at:%Y-%m-%d %H:%M}Z"
    if line.note:
        yield f"  note         {line.note}"


VERBS = (
    Verb(
        "agreement list",
        "List what is agreed otherwise than by default.",
        ListAgreements,
        tuple[AgreementLine, ...],
        list_agreements,
        reads=True,
    ),
    Verb(
        "agreement show",
        "Show what is agreed with a partner.",
        ShowAgreement,
        AgreementLine,
        show_agreement,
        show=_shown,
        reads=True,
    ),
    Verb(
        "agreement set",
        "Agree on modules, locations, tariffs, authorization and bounds with a partner.",
        SetAgreement,
        AgreementLine,
        set_agreement,
        show=_shown,
    ),
    Verb(
        "agreement end",
        "End what is agreed with a partner.",
        EndAgreement,
        AgreementLine,
        end_agreement,
        show=_shown,
    ),
    *agreed_checks.VERBS,
)
