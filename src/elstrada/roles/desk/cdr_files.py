"""The verb that examines CDRs in a file as if they came now; nothing is stored."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

import msgspec
from msgspec import Meta

from elstrada.billing.checks.face import Known
from elstrada.billing.validate import Examined, examine
from elstrada.model.cdr import Cdr
from elstrada.model.facts import CdrReceived
from elstrada.model.ids import PartyId, cdr_stream
from elstrada.model.party import Role
from elstrada.ocpi.body import Json, Mismatch, shape
from elstrada.ocpi.limits import validate
from elstrada.ocpi.versions import LANGUAGES, language
from elstrada.roles.cdr_cases import Records
from elstrada.roles.cdr_verdicts import Beside, verdict
from elstrada.roles.desk.face import Desk, Kind, Refused, Verb
from elstrada.roles.desk.lookups import own_party
from elstrada.roles.desk.ocpi_document import objects_in, problem_of, read_json
from elstrada.spine.face import Recorded

MOST_CDRS = 1_000
_VERSION = "2.3.0"
_OLDEST = "2.1.1"
"""Names no token that stands for itself, so that nothing can be read of it without a partner's records."""


class CheckFile(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    file: Annotated[bytes, Meta(description="A CDR of OCPI as JSON, a list of them, or a response.")]
    version: Annotated[str, Meta(description="In which version they are written.")] = _VERSION
    party: Annotated[str | None, Meta(description="Our party; needed only if there are several.")] = None


class CheckedCdr(msgspec.Struct, frozen=True, kw_only=True):
    row: int
    """From 1."""
    cdr_id: str
    findings: tuple[str, ...]
    unexamined: tuple[str, ...]


async def check_file(desk: Desk, params: CheckFile) -> tuple[CheckedCdr, ...]:
    """Examine CDRs of partners against our records, and ours as their receivers would."""
    owner = (await own_party(desk, params.party, None if params.party else Role.EMSP)).id
    if params.version not in LANGUAGES or params.version == _OLDEST:
        known = ", ".join(version for version in LANGUAGES if version != _OLDEST)
        says = f"no version to read CDRs in: {params.version[:10]!r}; expected one of {known}"
        raise Refused(Kind.USAGE, says, pointer="/version")
    rows = objects_in(read_json(params.file), "CDR", "CDRs", MOST_CDRS)
    return tuple(
        [await _checked(desk, owner, params.version, number, item) for number, item in enumerate(rows, 1)]
    )


async def _checked(desk: Desk, owner: PartyId, version: str, number: int, item: Json) -> CheckedCdr:
    words = language(version).cdr
    cdr_id = str(item.get("id", ""))[:39] if isinstance(item, dict) else ""
    try:
        wire = shape(item, words.wire)
        cdr, _ = words.read(wire, desk.keys.token_ref)
    except Mismatch as mismatch:
        problem = problem_of(mismatch)
        return CheckedCdr(
            row=number,
            cdr_id=cdr_id,
            findings=(f"V51 R: {problem.pointer or '/'}: {problem.says}",),
            unexamined=(),
        )
    examined = await _examined(desk, owner, cdr)
    strays = tuple(f"V51 R: {one.pointer}: {one.message}" for one in validate(wire))
    found = tuple(str(one) for one in examined.findings if one.check != "V51" or not strays)
    return CheckedCdr(row=number, cdr_id=cdr.id, findings=(*found, *strays), unexamined=examined.unexamined)


async def _examined(desk: Desk, owner: PartyId, cdr: Cdr) -> Examined:
    now: datetime = desk.clock.now()
    if cdr.party == owner:
        return examine(cdr, Known(token=True, now=now))
    arrival = Recorded(0, cdr_stream(owner, cdr.party, cdr.id), 1, now, CdrReceived(cdr, ""))
    case = await Records(desk.spine).case([arrival], now)
    return verdict(case, Beside()).examined


def _shown(checked: tuple[CheckedCdr, ...]) -> str:
    lines: list[str] = []
    for one in checked:
        lines.append(f"{one.row}: CDR {one.cdr_id}" + ("" if one.findings else ": nothing found"))
        lines += [f"  {finding}" for finding in one.findings]
        lines += [f"  not examined: {text}" for text in one.unexamined]
    return "\n".join(lines)


VERBS = (
    Verb(
        "cdr check",
        "Examine CDRs in a file as if they came now.",
        CheckFile,
        tuple[CheckedCdr, ...],
        check_file,
        show=_shown,
        reads=True,
    ),
)
