"""How results and refusals are written: JSON for machines, plain text for people."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import cast

import click
import msgspec

from elstrada.roles.desk.face import AnyVerb, Refusal
from elstrada.roles.desk.paging import Page

_WIDEST = 60
"""Characters of a table's cell."""


def as_json(value: object) -> str:
    """A document with stable field names: decimals as texts, times in RFC 3339."""
    return msgspec.json.format(msgspec.json.encode(value), indent=2).decode()


def write_result(verb: AnyVerb, result: object, *, json: bool) -> None:
    """The result on standard output, notes on standard error."""
    if json:
        click.echo(as_json(result))
    else:
        _write_plainly(verb, result)
        _write_beside(verb, result)
    if isinstance(result, Page) and result.next is not None:
        click.echo(f"There may be more: go on with --after {result.next}", err=True)


def _write_plainly(verb: AnyVerb, result: object) -> None:
    if verb.file is not None:
        click.echo(verb.file(result), nl=False)
    elif verb.show is not None:
        click.echo(printable(verb.show(result)))
    elif isinstance(result, tuple):
        _write_table(cast("tuple[msgspec.Struct, ...]", result))
    else:
        assert isinstance(result, msgspec.Struct)
        _write_fields(result)


def _write_beside(verb: AnyVerb, result: object) -> None:
    if verb.note:
        click.echo(verb.note, err=True)
    for remark in verb.remarks(result) if verb.remarks is not None else ():
        click.echo(printable(remark, keep=""), err=True)


def write_refusal(refusal: Refusal, *, json: bool) -> None:
    """What was wrong, on standard error."""
    if json:
        click.echo(as_json(refusal), err=True)
        return
    click.echo(f"Error: {printable(refusal.says)}", err=True)
    for problem in refusal.problems:
        click.echo(f"  {problem.pointer or '/'}: {printable(problem.says)}", err=True)
    if refusal.hint:
        click.echo(printable(refusal.hint[:1].upper() + refusal.hint[1:]) + ".", err=True)


def _write_fields(value: msgspec.Struct) -> None:
    names = value.__struct_fields__
    width = max(len(name) for name in names)
    for name in names:
        click.echo(f"{_title(name):<{width}}  {_text(getattr(value, name))}")


def _write_table(lines: Sequence[msgspec.Struct]) -> None:
    if not lines:
        click.echo("There are none.", err=True)
        return
    names = lines[0].__struct_fields__
    rows = [[_cell(getattr(line, name)) for name in names] for line in lines]
    heads = [_title(name) for name in names]
    widths = [max(map(len, column)) for column in zip(heads, *rows, strict=True)]
    for row in (heads, *rows):
        click.echo("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())


def _title(name: str) -> str:
    return name.replace("_", " ")


def _cell(value: object) -> str:
    text = _text(value)
    return text if len(text) <= _WIDEST else text[: _WIDEST - 1] + "…"


def _text(value: object) -> str:
    match value:
        case None:
            return "-"
        case bool():
            return "yes" if value else "no"
        case datetime():
            return value.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%SZ")
        case tuple():
            return ", ".join(_text(item) for item in cast("tuple[object, ...]", value)) or "-"
        case _:
            return printable(str(value), keep="")


def printable(text: str, keep: str = "\n\t") -> str:
    """Text without control characters: a station's name must not steer a terminal (T14)."""
    return "".join(char if char.isprintable() or char in keep else "·" for char in text)
