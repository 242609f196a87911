"""Figures of meters as CSV, in the form of bill lines: UTF-8, semicolons, CRLF, first the names.

The same figures give the same bytes.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable
from datetime import UTC, datetime

import msgspec

from elstrada.billing.export.csv import Value, cell
from elstrada.billing.metering.figures import Figures


class FiguresLine(msgspec.Struct, frozen=True, kw_only=True):
    """What one place did in one quarter of an hour, hour, day or month."""

    name: str
    """Of the location, station or EVSE, or of the party; empty: EVSEs without a location."""
    time_zone: str
    bucket: str
    """A day or a month, or when a quarter or an hour begins; local time (``billing.metering.buckets``)."""
    quarters: int
    """Of an hour, that it has within the time asked for."""
    figures: Figures
    cdrs_missing: int
    """Sessions that ended in it and have no CDR."""
    cdrs_late: int
    """Sessions that ended in it and got their CDR more than a day later."""


_OWN = ("name", "time_zone", "bucket", "quarters")
_CDRS = ("cdrs_missing", "cdrs_late")


def figures_csv(lines: Iterable[FiguresLine], *, decimal_comma: bool = False) -> str:
    """Write figures, in the order in which they come.

    Args:
        decimal_comma: 0,25 instead of 0.25, as Swedish and Italian spreadsheets read it.
    """
    out = io.StringIO(newline="")
    writer = csv.writer(out, delimiter=";", lineterminator="\r\n")
    writer.writerow([*_OWN, *Figures.__struct_fields__, *_CDRS])
    for line in lines:
        values = [getattr(line, name) for name in _OWN]
        values += [getattr(line.figures, name) for name in Figures.__struct_fields__]
        values += [getattr(line, name) for name in _CDRS]
        writer.writerow([cell(_plain(value), decimal_comma) for value in values])
    return out.getvalue()


def _plain(value: Value | datetime) -> Value:
    return value.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ") if isinstance(value, datetime) else value
