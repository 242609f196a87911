"""Finding what a command names, or saying exactly what is missing."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from datetime import datetime
from typing import TypeVar

import msgspec
from sqlalchemy import Table

from elstrada.model.ids import PartyId
from elstrada.model.party import Party, Role
from elstrada.roles.desk.face import Desk, Kind, Refused
from elstrada.spine import tables as t
from elstrada.spine.face import Cell, Row, Spine, Where
from elstrada.spine.paging import pages

Line = TypeVar("Line", bound=msgspec.Struct)
_encode = msgspec.json.Encoder().encode


def document(value: msgspec.Struct) -> str:
    """A struct as it stands in a ``document`` column."""
    return _encode(value).decode()


def party_id(text: str, *, pointer: str = "/party") -> PartyId:
    try:
        return PartyId.parse(text)
    except ValueError as problem:
        raise Refused(Kind.USAGE, str(problem), pointer=pointer) from None


async def own_parties(spine: Spine) -> tuple[Party, ...]:
    """The parties this installation acts for, in order of id."""
    rows = await spine.find(t.party, order=("party",))
    return tuple(msgspec.json.decode(str(row["document"]), type=Party) for row in rows)


async def own_party(desk: Desk, named: str | None, role: Role | None = None) -> Party:
    """Our party of that id; where none is named, the only one there is (with ``role``)."""
    parties = await own_parties(desk.spine)
    ids = ", ".join(str(party.id) for party in parties)
    if named is not None:
        wanted = party_id(named)
        found = [party for party in parties if party.id == wanted]
        if not found:
            says = f"{wanted} is not a party of this installation" + (f"; there are: {ids}" if ids else "")
            raise Refused(Kind.MISSING, says, "add it with `elstrada party put`", "/party")
        return found[0]
    fit = [party for party in parties if role is None or role in party.roles]
    if len(fit) == 1:
        return fit[0]
    as_role = f" with the role {role.value}" if role else ""
    if not fit:
        raise Refused(Kind.MISSING, f"there is no party{as_role} yet", "add one with `elstrada party put`")
    choices = ", ".join(str(party.id) for party in fit)
    raise Refused(Kind.USAGE, f"several parties{as_role}: {choices}", "say which with --party", "/party")


async def needed(desk: Desk, table: Table, what: str, hint: str = "", **key: str) -> Row:
    """The row with this key, or a refusal that names it."""
    row = await desk.spine.get(table, **key)
    if row is None:
        raise Refused(Kind.MISSING, f"there is no {what}", hint)
    return row


def line_of(kind: type[Line], row: Row, **more: Cell) -> Line:
    """One line of a list: the row's columns that bear the names of its fields, and ``more``."""
    names = kind.__struct_fields__
    return msgspec.convert({name: more[name] if name in more else row[name] for name in names}, kind)


async def all_rows(desk: Desk, table: Table, where: Where, *order: str, limit: int) -> AsyncIterator[Row]:
    """Rows that match, page by page, ``limit`` at most."""
    left = limit
    async for rows in pages(desk.spine, table, where, order):
        for row in rows[:left]:
            yield row
        left -= len(rows)
        if left <= 0:
            return


def sane_moment(moment: datetime | None, pointer: str) -> datetime | None:
    """A moment that every engine can store and every zone can show (T10)."""
    if moment is not None and not 2000 <= moment.year <= 2200:
        raise Refused(Kind.USAGE, f"not a usable time: {moment}; expected years 2000 to 2200", "", pointer)
    return moment


def plain_id(text: str, *, what: str, pointer: str, most: int = 36) -> str:
    """An id for our own records: it stands in URLs and stream names, so no blanks, slashes or controls."""
    if re.fullmatch(rf"[A-Za-z0-9][A-Za-z0-9._~*@:+=|-]{{0,{most - 1}}}", text) is None:
        says = f"not {what}: {text[:50]!r}; expected 1 to {most} letters, digits or ._~*@:+=|-, a letter or digit first"
        raise Refused(Kind.USAGE, says, pointer=pointer)
    return text
