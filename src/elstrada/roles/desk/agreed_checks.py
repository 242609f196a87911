"""Verbs on how a partner's CDRs are examined: thresholds and severities, each beside its default."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from decimal import Decimal
from typing import Annotated

import msgspec
from msgspec import Meta
from msgspec.structs import replace

from elstrada.billing.validate import CHECKS, FIXED, NUMBERS
from elstrada.model.agreement import ALL_PARTIES, DEFAULT
from elstrada.model.currencies import CURRENCIES
from elstrada.model.examination import Examination, Severity, Thresholds
from elstrada.model.facts import AgreementMade
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
from elstrada.roles.roaming.agreements import agreement_made

_BY_DEFAULT = "default"
_MOST = Decimal(10**9)
_MOST_DAYS = Decimal(36_500)
"""Of a threshold in days: a century, with which dates can still be reckoned."""
_Setting = Annotated[str, Meta(max_length=80, pattern="^[A-Za-z0-9_]+=")]


class SetChecks(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    partner: Partner
    with_party: PartnerParty = None
    threshold: Annotated[
        tuple[_Setting, ...], Meta(description="late_days=30, or late_days=default; repeatable.")
    ] = ()
    severity: Annotated[
        tuple[_Setting, ...], Meta(description="V20=W, of R, H or W, or V20=default; repeatable.")
    ] = ()
    party: OwnParty = None


class ShowChecks(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    partner: Partner
    with_party: PartnerParty = None
    party: OwnParty = None


class Setting(msgspec.Struct, frozen=True, kw_only=True):
    name: str
    """A threshold, or the number of a check."""
    agreed: str
    """What counts."""
    default: str


class AgreedChecks(msgspec.Struct, frozen=True, kw_only=True):
    party: str
    partner: str
    with_party: str
    """``*``: all those without an agreement of their own."""
    thresholds: tuple[Setting, ...]
    severities: tuple[Setting, ...]


async def set_checks(desk: Desk, params: SetChecks) -> AgreedChecks:
    """Agree how CDRs of a partner are examined; what is not named stays as it was."""
    if not (params.threshold or params.severity):
        raise Refused(Kind.USAGE, "expected a --threshold or a --severity", "see `elstrada agreement checks`")
    owner, peer = await partner(desk, params.partner, params.party)
    of = with_party(peer, params.with_party)
    _, row = await known(desk, owner, peer.id, of)
    agreement = DEFAULT if row is None else agreement_made(row)
    examination = Examination(
        thresholds=_thresholds(agreement.cdrs.thresholds, params.threshold),
        severities=dict(_severities(agreement.cdrs, params.severity)),
    )
    made = replace(agreement, party=of, cdrs=examination)
    await say(desk, owner, peer.id, AgreementMade(peer.id, made))
    return _told(str(owner), peer.id, str(of or ALL_PARTIES), examination)


async def show_checks(desk: Desk, params: ShowChecks) -> AgreedChecks:
    """Say how CDRs of a partner are examined."""
    owner, peer = await partner(desk, params.partner, params.party)
    of = with_party(peer, params.with_party)
    agreement, _ = await known(desk, owner, peer.id, of)
    return _told(str(owner), peer.id, str(of or ALL_PARTIES), agreement.cdrs)


def _thresholds(before: Thresholds, settings: Iterable[str]) -> Thresholds:
    fields = {field.name: field for field in msgspec.structs.fields(Thresholds)}
    changes: dict[str, object] = {}
    for setting in settings:
        name, _, value = setting.partition("=")
        if name not in fields:
            says = f"no threshold: {name[:40]!r}; expected one of {', '.join(fields)}"
            raise Refused(Kind.USAGE, says, pointer="/threshold")
        changes[name] = (
            fields[name].default if value == _BY_DEFAULT else _value(name, value, fields[name].type)
        )
    return replace(before, **changes)


def _value(name: str, text: str, kind: type[object]) -> object:
    try:
        value: object = msgspec.convert(text, kind, strict=False)
    except msgspec.ValidationError as problem:
        raise Refused(Kind.USAGE, f"{name}: {problem}", pointer="/threshold") from None
    if isinstance(value, str) and value not in CURRENCIES:
        raise Refused(Kind.USAGE, f"{name}: {value[:8]!r} is no currency of ISO 4217", pointer="/threshold")
    most = _MOST_DAYS if name.endswith("_days") else _MOST
    if isinstance(value, int | Decimal) and not (Decimal(value).is_finite() and 0 <= value <= most):
        raise Refused(Kind.USAGE, f"{name}: expected 0 to {most}", pointer="/threshold")
    return value


def _severities(before: Examination, settings: Iterable[str]) -> Iterator[tuple[str, Severity]]:
    found = dict(before.severities)
    for setting in settings:
        number, _, value = setting.partition("=")
        if number not in NUMBERS:
            says = f"no check: {number[:10]!r}; expected V01 to V52"
            raise Refused(Kind.USAGE, says, pointer="/severity")
        if number in FIXED:
            says = f"{number}: a credit that does not fit cannot be taken, so nothing else can be agreed"
            raise Refused(Kind.USAGE, says, pointer="/severity")
        if value == _BY_DEFAULT:
            found.pop(number, None)
        elif value in set(Severity):
            found[number] = Severity(value)
        else:
            says = f"no severity: {value[:10]!r}; expected R (reject), H (hold), W (warn) or {_BY_DEFAULT}"
            raise Refused(Kind.USAGE, says, pointer="/severity")
    yield from sorted(found.items())


def _told(owner: str, peer_id: str, of: str, examination: Examination) -> AgreedChecks:
    default, agreed = msgspec.structs.asdict(Thresholds()), msgspec.structs.asdict(examination.thresholds)
    return AgreedChecks(
        party=owner,
        partner=peer_id,
        with_party=of,
        thresholds=tuple(
            Setting(name=name, agreed=_text(agreed[name]), default=_text(value))
            for name, value in default.items()
        ),
        severities=tuple(
            Setting(name=number, agreed=examination.severities.get(number, own), default=own)
            for number, own in _own_severities().items()
        ),
    )


def _own_severities() -> dict[str, str]:
    """By number; a check that holds for one reason and warns for another has both."""
    found: dict[str, list[str]] = {}
    for check in CHECKS:
        found.setdefault(check.id, []).append(check.severity.value)
    return {number: "".join(dict.fromkeys(own)) for number, own in found.items()}


def _text(value: object) -> str:
    match value:
        case None:
            return "none"
        case bool():
            return str(value).lower()
        case _:
            return str(value)


def _shown(told: AgreedChecks) -> str:
    whom = "all its parties" if told.with_party == ALL_PARTIES else told.with_party
    lines = [f"{told.party} examines CDRs of {whom} of {told.partner}"]
    for one in (*told.thresholds, *told.severities):
        note = "" if one.agreed == one.default else f"  (default {one.default})"
        lines.append(f"  {one.name:<20} {one.agreed}{note}")
    return "\n".join(lines)


VERBS = (
    Verb(
        "agreement checks",
        "Show how a partner's CDRs are examined.",
        ShowChecks,
        AgreedChecks,
        show_checks,
        show=_shown,
        reads=True,
    ),
    Verb(
        "agreement check",
        "Agree how a partner's CDRs are examined: thresholds and severities.",
        SetChecks,
        AgreedChecks,
        set_checks,
        show=_shown,
    ),
)
