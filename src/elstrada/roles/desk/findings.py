"""Verbs on findings: what strayed."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

import msgspec
from msgspec import Meta

from elstrada.roles.desk.face import Desk, Verb
from elstrada.roles.desk.lookups import line_of
from elstrada.roles.desk.paging import After, Page, page_of
from elstrada.roles.desk.shapes import Count
from elstrada.spine import tables as t


class ListFindings(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    source: Annotated[str | None, Meta(description="Only this one, like station:SE*ELS/S1.")] = None
    limit: Annotated[Count, Meta(description="Most lines, the newest first.")] = 100
    after: After = None


class FindingLine(msgspec.Struct, frozen=True, kw_only=True):
    source: str
    code: str
    count: int
    sample: str
    first_at: datetime
    last_at: datetime


async def list_findings(desk: Desk, params: ListFindings) -> Page[FindingLine]:
    where = {"source": params.source} if params.source else {}
    rows = await page_of(desk, t.finding, [where], ("-last_at",), limit=params.limit, after=params.after)
    return rows.lines(lambda row: line_of(FindingLine, row))


VERBS = (
    Verb(
        "finding list",
        "List what strayed, by source.",
        ListFindings,
        tuple[FindingLine, ...],
        list_findings,
        reads=True,
    ),
)
