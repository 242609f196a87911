"""Objects as they came over the wire, put and patched in place, with every field that somebody has written.

A hub keeps what it was told without knowing all of it (R-21); what happens below raises what is above (R-35).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime

from elstrada.ocpi.body import Json, Mismatch, Object
from elstrada.ocpi.patch import EVER, changes_identity, is_older, merged, patch_time
from elstrada.ocpi.scalars import Instant, same

_LEVELS = (("evses", "uid"), ("connectors", "id"))
"""The lists within a location, and what names their entries."""
Change = Callable[["Object | None"], "Object"]
"""From what is there, if anything is, to what shall be."""


class Missing(Exception):
    """There is nothing in this place."""


def written_at(document: Object) -> datetime:
    """When an object was last changed.

    Raises:
        Mismatch: it does not say.
    """
    return patch_time(document)


def put(part: Object) -> Change:
    """The whole of something in its place."""
    return lambda _: part


def patched(patch: Object, ids: Object) -> Change:
    """Some fields of something that is there.

    Args:
        ids: what names it, which stays.
    Raises:
        Missing: it is not there.
        Mismatch: it would get another name (R-32).
    """

    def change(before: Object | None) -> Object:
        if before is None:
            raise Missing
        name = changes_identity(ids, patch)
        if name is not None:
            raise Mismatch(f"{name} of the path and of the body differ")
        kept = {name: before[name] for name in ids if name in before}
        return merged(before, patch) | kept

    return change


def changed(
    whole: Object | None, ids: Sequence[str], change: Change, at: datetime, now: datetime = EVER
) -> Object | None:
    """A document with a change to it, or to an EVSE or connector within it.

    Args:
        ids: of the EVSE and the connector; none for the whole.
        at: when the change was made.
        now: what bears a later date can be changed all the same.
    Returns:
        None where it knows better already (R-34).
    Raises:
        Missing: there is nothing above what is to be changed.
    """
    return _changed(whole, ids, change, at, now, 0)


def part_of(whole: Object, ids: Sequence[str]) -> Object | None:
    """An EVSE or connector within a document, or the whole."""
    found: Object | None = whole
    for (listed, key), wanted in zip(_LEVELS, ids, strict=False):
        found = None if found is None else _entry(found, listed, key, wanted)
    return found


def _changed(
    before: Object | None, ids: Sequence[str], change: Change, at: datetime, now: datetime, level: int
) -> Object | None:
    if not ids:
        if before is not None and is_older(at, written_at(before), now):
            return None
        return change(before)
    if before is None:
        raise Missing
    listed, key = _LEVELS[level]
    entry = _entry(before, listed, key, ids[0])
    after = _changed(entry, ids[1:], change, at, now, level + 1)
    if after is None:
        return None
    entries = before.get(listed)
    known = entries if isinstance(entries, list) else []
    lists: list[Json] = (
        [after if one is entry else one for one in known] if entry is not None else [*known, after]
    )
    above = written_at(before)
    raised: Object = {
        listed: lists,
        "last_updated": str(Instant(above if is_older(at, above, now) else at)),
    }
    return before | raised


def _entry(document: Object, listed: str, key: str, wanted: str) -> Object | None:
    entries = document.get(listed)
    for entry in entries if isinstance(entries, list) else ():
        if isinstance(entry, dict) and isinstance(name := entry.get(key), str) and same(name, wanted):
            return entry
    return None
