"""Rows of an IRVE file: JSON lines or CSV, perhaps gzipped, each as a table of texts.

Source: schema etalab/schema-irve-statique 2.3.1.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Mapping

import msgspec

from elstrada.datex.defects import Defect, Rule, Severity, strike
from elstrada.datex.packed import Unreadable, unpacked

MAX_ROWS = 2_000_000
MAX_LINE = 1 << 16

UNREADABLE = Rule("I-01", Severity.REJECTED, "the row cannot be read")

_NOTHING = frozenset({"", "null", "none", "nan", "inconnu", "non renseigné", "non spécifié", "na"})
"""What publishers write where they mean nothing."""
_KNOWN_BY = ("id_pdc_itinerance", "id_station_itinerance")


class Row:
    """One row being read: its fields as text, and what was found wrong with it so far."""

    __slots__ = ("_fields", "defects", "number")

    def __init__(self, number: int, fields: Mapping[str, str]) -> None:
        self.number = number
        self._fields = fields
        self.defects: list[Defect] = []

    def raw(self, field: str) -> str:
        """The field as given, without the blanks around it."""
        return self._fields.get(field, "").strip()

    def text(self, field: str) -> str:
        """The field, empty where its text means nothing."""
        found = self.raw(field)
        return "" if found.lower() in _NOTHING else found

    def yes(self, field: str) -> bool:
        return self.raw(field).lower() in ("true", "1", "oui", "vrai")

    def note(self, rule: Rule, field: str, done: str) -> None:
        """Record that ``rule`` struck in ``field``."""
        self.defects.append(strike(rule, row=self.number, field=field, value=self.raw(field), done=done))


def read_rows(content: bytes) -> Iterator[Row]:
    """The rows of a file; the form is told by its first bytes. A row that cannot be read has a defect.

    Raises:
        Unreadable: it is neither JSON lines nor a CSV with IRVE's columns, or it is too large.
    """
    text = _text(unpacked(content))
    rows = _json_rows(text) if text.lstrip()[:1] == "{" else _csv_rows(text)
    for count, row in enumerate(rows, 1):
        if count > MAX_ROWS:
            raise Unreadable(f"the file has more than {MAX_ROWS} rows: split it")
        yield row


def _text(content: bytes) -> str:
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as problem:
        raise Unreadable(
            f"the file is not UTF-8 at byte {problem.start}: the IRVE schema demands UTF-8, convert it"
        ) from problem


# Numbers stay the text they were: a coordinate's digits are kept.
_decoder = msgspec.json.Decoder(dict[str, object], float_hook=str)


def _json_rows(text: str) -> Iterator[Row]:
    for number, line in enumerate(text.split("\n"), 1):
        if line and not line.isspace():
            yield _json_row(number, line)


def _json_row(number: int, line: str) -> Row:
    if len(line) > MAX_LINE:
        return _unreadable(number, line, f"not taken over: longer than {MAX_LINE} characters")
    try:
        fields = _decoder.decode(line)
    except (msgspec.DecodeError, RecursionError) as problem:
        return _unreadable(number, line, f"not taken over: {problem}")
    return Row(number, {name: _plain(value) for name, value in fields.items()})


def _plain(value: object) -> str:
    if isinstance(value, str):
        return value
    if value is None:
        return ""
    return str(value).replace("'", "")  # A pair of coordinates may be a list: [2.35, 48.85].


def _csv_rows(text: str) -> Iterator[Row]:
    first_line = text.partition("\n")[0]
    separator = max(",;\t", key=first_line.count)
    table = csv.reader(io.StringIO(text, newline=""), delimiter=separator)
    try:
        names = [name.strip() for name in next(table, list[str]())]
        _check_header(names)
        for cells in table:
            if cells:
                yield _csv_row(table.line_num, names, cells)
    except csv.Error as problem:
        raise Unreadable(f"line {table.line_num} is not CSV: {problem}") from problem


def _check_header(names: list[str]) -> None:
    missing = [name for name in _KNOWN_BY if name not in names]
    if missing:
        raise Unreadable(
            f"the file is not IRVE: line 1 has no column {missing[0]}; expected JSON lines "
            "or a CSV of the schema etalab/schema-irve-statique 2.3.1"
        )


def _csv_row(number: int, names: list[str], cells: list[str]) -> Row:
    if len(cells) != len(names):
        done = f"not taken over: {len(cells)} cells under {len(names)} columns"
        return _unreadable(number, ",".join(cells), done)
    return Row(number, dict(zip(names, cells, strict=True)))


def _unreadable(number: int, line: str, done: str) -> Row:
    row = Row(number, {})
    row.defects.append(strike(UNREADABLE, row=number, field="", value=line, done=done))
    return row
