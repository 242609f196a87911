"""Verbs on bill lines: what the retailer's billing system takes over."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Annotated
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import msgspec
from msgspec import Meta

from elstrada.billing.export.csv import Total, to_csv
from elstrada.model.invoice import BillLine
from elstrada.model.party import Role
from elstrada.roles.desk.face import Desk, Kind, Refused, Verb
from elstrada.roles.desk.lookups import all_rows, own_party
from elstrada.roles.desk.shapes import Month
from elstrada.spine import tables as t
from elstrada.spine.face import Between, Where

MOST_LINES = 1_000_000
ON_THEIR_WAY = timedelta(hours=1)
"""A line bears the time at which its node began to write it: so long after may it be seen, if that clock is behind."""


class ExportBill(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    party: Annotated[str | None, Meta(description="Our retailer; needed only if there are several.")] = None
    month: Annotated[
        Month | None, Meta(description="YYYY-MM, in which lines were recorded; by default all lines.")
    ] = None
    time_zone: Annotated[str, Meta(description="In which the month begins and ends.")] = "Europe/Stockholm"
    decimal_comma: Annotated[bool, Meta(description="12,50 instead of 12.50.")] = False


class BillExport(msgspec.Struct, frozen=True, kw_only=True):
    owner: str
    month: str | None
    totals: tuple[Total, ...]
    held: tuple[str, ...]
    """Ids of lines that are not in it, because their VAT is not known."""
    csv: str
    complete: bool
    """The month is over, by an hour at least: no line will be added."""


async def export_bill(desk: Desk, params: ExportBill) -> BillExport:
    """Write the lines that were recorded in a month as CSV, whenever their sessions ended.

    A line's record never changes, so each line is in one month's file, and a month that is over stays as it was
    taken: late CDRs and credits go to the next open bill. Source: pricing-and-billing 3.1.
    """
    owner = str((await own_party(desk, params.party, Role.EMSP)).id)
    begin, end = _month(params)
    where: Where = {"owner": owner, "recorded_at": Between(begin, end)}
    rows = all_rows(desk, t.bill_line, where, "recorded_at", "line_id", limit=MOST_LINES + 1)
    lines = [msgspec.json.decode(str(row["document"]), type=BillLine) async for row in rows]
    if len(lines) > MOST_LINES:
        raise Refused(
            Kind.USAGE, f"there are more than {MOST_LINES} lines", "export month by month", "/month"
        )
    # A month of many thousand lines takes seconds, in which stations want their answers.
    export = await asyncio.to_thread(to_csv, lines, decimal_comma=params.decimal_comma)
    return BillExport(
        owner=owner,
        month=params.month,
        totals=export.totals,
        held=export.held,
        csv=export.body.decode(),
        complete=end is not None and end + ON_THEIR_WAY <= desk.clock.now(),
    )


def _month(params: ExportBill) -> tuple[datetime | None, datetime | None]:
    """When the month begins, and when the next one does; None: all months are asked for."""
    try:
        zone = ZoneInfo(params.time_zone)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        says = f"not a time zone: {params.time_zone[:40]!r}; expected an IANA name like Europe/Stockholm"
        raise Refused(Kind.USAGE, says, pointer="/time_zone") from None
    if params.month is None:
        return None, None
    year, month = int(params.month[:4]), int(params.month[5:])
    begin = datetime(year, month, 1, tzinfo=zone)
    end = datetime(year + month // 12, month % 12 + 1, 1, tzinfo=zone)
    return begin, end


def _remarks(export: BillExport) -> Iterator[str]:
    """What whoever imports the file must know, and cannot see in it."""
    if export.month is not None and not export.complete:
        says = f"{export.month} is not over, or has been for less than an hour: its file may have more lines."
        yield f"{says} Take it again later."
    if export.held:
        yield f"{len(export.held)} lines are not in it, because their VAT is not known; --json names them."


VERBS = (
    Verb(
        "bill export",
        "Write bill lines as CSV.",
        ExportBill,
        BillExport,
        export_bill,
        file=lambda export: export.csv.encode(),
        remarks=_remarks,
        reads=True,
    ),
)
