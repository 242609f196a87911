"""Bill lines as CSV for the retailer's billing system.

UTF-8, semicolons, CRLF; first the names, then a LINE per session, then a TOTAL per currency,
country and VAT rate to check the import against. The same lines give the same bytes, in whatever
order they come.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime
from decimal import ROUND_HALF_UP, Decimal
from zoneinfo import ZoneInfo

import msgspec

from elstrada.model.invoice import BillLine

_ZERO = Decimal(0)
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n")


class Total(msgspec.Struct, frozen=True, kw_only=True):
    """A control total: the lines of one currency, country and rate."""

    currency: str
    country: str
    vat_percent: Decimal
    lines: int
    quantity_kwh: Decimal
    net: Decimal
    vat: Decimal
    gross: Decimal


class Export(msgspec.Struct, frozen=True):
    body: bytes
    totals: tuple[Total, ...]
    held: tuple[str, ...]
    """Ids of lines left out, because their VAT is not known."""


def to_csv(lines: Iterable[BillLine], *, decimal_comma: bool = False) -> Export:
    """Write bill lines.

    Args:
        decimal_comma: 12,50 instead of 12.50, as Swedish and Italian spreadsheets read it.
    """
    ordered = sorted(lines, key=lambda line: (line.end_date_time, line.id))
    billed = [line for line in ordered if line.vat is not None and line.gross is not None]
    totals = control_totals(billed)
    out = io.StringIO(newline="")
    writer = csv.writer(out, delimiter=";", lineterminator="\r\n")
    writer.writerow(["record", *(name for name, _ in COLUMNS)])
    for line in billed:
        writer.writerow(["LINE", *(cell(value(line), decimal_comma) for _, value in COLUMNS)])
    for total in totals:
        values = _total_values(total)
        writer.writerow(["TOTAL", *(cell(values.get(name), decimal_comma) for name, _ in COLUMNS)])
    return Export(out.getvalue().encode(), totals, tuple(line.id for line in ordered if line.vat is None))


def control_totals(lines: Sequence[BillLine]) -> tuple[Total, ...]:
    """Sums per currency, country and rate; lines whose VAT is not known are not billed yet."""
    groups: dict[tuple[str, str, Decimal], list[BillLine]] = {}
    for line in lines:
        if line.vat_percent is not None:
            groups.setdefault((line.currency, line.country, line.vat_percent), []).append(line)
    return tuple(
        Total(
            currency=currency,
            country=country,
            vat_percent=percent,
            lines=len(group),
            quantity_kwh=sum((_kwh(line) for line in group), _ZERO),
            net=sum((line.net for line in group), _ZERO),
            vat=sum((line.vat or _ZERO for line in group), _ZERO),
            gross=sum((line.gross or _ZERO for line in group), _ZERO),
        )
        for (currency, country, percent), group in sorted(groups.items())
    )


Value = str | int | Decimal | None
COLUMNS: tuple[tuple[str, Callable[[BillLine], Value]], ...] = (
    ("line_id", lambda line: line.id),
    ("contract_id", lambda line: line.contract_id),
    ("supply_point_id", lambda line: line.supply_point_id),
    ("customer_id", lambda line: line.customer_id),
    ("article", lambda line: line.plan_id),
    ("text", lambda line: f"Charging {line.place} {_local(line.start_date_time, line)}"),
    ("quantity_kwh", lambda line: _kwh(line)),
    ("unit_price", lambda line: _unit_price(line)),
    ("net", lambda line: line.net),
    ("vat_code", lambda _: "S"),  # EN 16931: standard rate.
    ("vat_percent", lambda line: line.vat_percent),
    ("vat", lambda line: line.vat),
    ("gross", lambda line: line.gross),
    ("currency", lambda line: line.currency),
    ("start_local", lambda line: _local(line.start_date_time, line)),
    ("end_local", lambda line: _local(line.end_date_time, line)),
    ("start_utc", lambda line: _utc(line.start_date_time)),
    ("end_utc", lambda line: _utc(line.end_date_time)),
    ("place", lambda line: line.place),
    ("country", lambda line: line.country),
    ("evse_id", lambda line: line.evse_id),
    ("cdr_id", lambda line: line.cdr_id),
    ("cpo", lambda line: str(line.cdr_party)),
    ("credit_of", lambda line: line.credit_of or None),
)
"""Names and contents, in order: pricing 3.3 point 5."""


def _total_values(total: Total) -> dict[str, Value]:
    return {
        "text": f"{total.lines} lines",
        "quantity_kwh": total.quantity_kwh,
        "net": total.net,
        "vat_code": "S",
        "vat_percent": total.vat_percent,
        "vat": total.vat,
        "gross": total.gross,
        "currency": total.currency,
        "country": total.country,
    }


def cell(value: Value, decimal_comma: bool) -> str:
    """A value as it stands in a file for spreadsheets."""
    if value is None:
        return ""
    if isinstance(value, Decimal):
        return f"{value:f}".replace(".", ",") if decimal_comma else f"{value:f}"
    return _harmless(str(value))


def _harmless(text: str) -> str:
    """No cell may be a formula of a spreadsheet (T14): those are shown as text, without control characters."""
    clean = "".join(char if char.isprintable() else " " for char in text)
    return f"'{clean}" if text.startswith(_FORMULA) or clean.lstrip().startswith(_FORMULA) else clean


def _kwh(line: BillLine) -> Decimal:
    return line.quantity_kwh.quantize(Decimal("0.001"), ROUND_HALF_UP)


def _unit_price(line: BillLine) -> Decimal | None:
    """Net per kWh, over all that the line holds; none for a session without energy."""
    quantity = _kwh(line)
    return (line.net / quantity).quantize(Decimal("0.0001"), ROUND_HALF_UP) if quantity else None


def _local(moment: datetime, line: BillLine) -> str:
    return moment.astimezone(ZoneInfo(line.time_zone)).strftime("%Y-%m-%d %H:%M:%S")


def _utc(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
