"""The verb that says what is odd about a tariff, and the lines in which it is told."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated

import msgspec
from msgspec import Meta

from elstrada.model.ids import PartyId
from elstrada.model.party import Role
from elstrada.model.tariff import Tariff
from elstrada.roles.desk.face import Desk, Kind, Refused, Verb
from elstrada.roles.desk.lookups import needed, own_party
from elstrada.roles.desk.tariff_files import OcpiVersion, read_tariff
from elstrada.roles.desk.tariff_users import is_used
from elstrada.spine import tables as t
from elstrada.tariffs.lint import Code, Finding, Severity, lint, told, unused
from elstrada.tariffs.phrases import BOOKS, Phrases, Tongue


class CheckTariff(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    file: Annotated[bytes | None, Meta(description="A Tariff as JSON, of any version of OCPI.")] = None
    tariff: Annotated[str | None, Meta(description="Instead of a file: one of ours by its id.")] = None
    version: Annotated[OcpiVersion | None, Meta(description="Of OCPI, of the file. Its fields tell.")] = None
    language: Annotated[Tongue, Meta(description="Of the texts.")] = Tongue.EN
    party: Annotated[str | None, Meta(description="Our CPO; needed only if there are several.")] = None


class LintLine(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that is odd about a tariff."""

    code: Code
    severity: Severity
    place: str
    """Such as ``elements[2].restrictions.start_time``; empty: the whole tariff."""
    text: str
    advice: str


class CheckedTariff(msgspec.Struct, frozen=True, kw_only=True):
    tariff: str
    """With its party."""
    language: Tongue
    findings: tuple[LintLine, ...]


async def check_tariff(desk: Desk, params: CheckTariff) -> CheckedTariff:
    """Say what is odd about a tariff that OCPI allows."""
    if (params.file is None) == (params.tariff is None):
        raise Refused(Kind.USAGE, "expected either a file or --tariff", pointer="/file")
    if params.file is not None:
        read = await read_tariff(desk, params.file, params.party, params.version)
        tariff, found = read.tariff, lint(read.tariff, read.written_country)
    else:
        owner = (await own_party(desk, params.party, Role.CPO)).id
        tariff = await stored_tariff(desk, owner, params.tariff or "")
        found = lint(tariff)
        if not await is_used(desk.spine, owner, tariff.id):
            found = (*found, unused(tariff))
    return CheckedTariff(
        tariff=f"{tariff.party}*{tariff.id}",
        language=params.language,
        findings=lint_lines(found, BOOKS[params.language]),
    )


async def stored_tariff(desk: Desk, owner: PartyId, tariff_id: str, pointer: str = "/tariff") -> Tariff:
    """A tariff of ours as it is now."""
    key = {"owner": str(owner), "party": str(owner), "tariff_id": tariff_id}
    row = await needed(
        desk, t.tariff, f"tariff {tariff_id[:36]!r} of {owner}", "see `elstrada tariff list`", **key
    )
    return msgspec.json.decode(str(row["document"]), type=Tariff)


def lint_lines(findings: Iterable[Finding], phrases: Phrases) -> tuple[LintLine, ...]:
    return tuple(_line(finding, *told(finding, phrases)) for finding in findings)


def _line(finding: Finding, text: str, advice: str) -> LintLine:
    return LintLine(
        code=finding.code, severity=finding.severity, place=finding.place, text=text, advice=advice
    )


def shown_line(line: LintLine, phrases: Phrases) -> str:
    """One finding for people."""
    return phrases["lint.line"].format(
        severity=phrases[f"severity.{line.severity.value}"],
        code=line.code.value,
        place=line.place or "/",
        text=line.text,
        advice=line.advice,
    )


def _shown(checked: CheckedTariff) -> str:
    phrases = BOOKS[checked.language]
    lines = [shown_line(line, phrases) for line in checked.findings]
    return "\n".join(lines or [phrases["lint.none"].format(tariff=checked.tariff)])


def _fails(checked: CheckedTariff) -> bool:
    return any(line.severity is not Severity.INFO for line in checked.findings)


CHECK = Verb(
    "tariff check",
    "Say what is odd about a tariff; ends with code 6 if that is more than a hint.",
    CheckTariff,
    CheckedTariff,
    check_tariff,
    show=_shown,
    fails=_fails,
    optional="file",
    reads=True,
)
