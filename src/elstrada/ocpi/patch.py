"""PATCH: the fields given replace those stored, whole (R-33, R-34, R-37).

Objects and arrays inside a patch are not merged deeper: they replace. The one exception is a
session's charging periods, which are added to those known (OCPI 2.2.1 mod_sessions).
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import msgspec

from elstrada.model.session import Session
from elstrada.ocpi.body import Mismatch, Object
from elstrada.ocpi.scalars import Instant

EVER = datetime.max.replace(tzinfo=UTC)
"""A now after which nothing is."""
_AHEAD = timedelta(days=1)
"""How far a peer's clock may be ahead of ours."""
_IDENTIFIERS = frozenset({"country_code", "party_id", "id", "uid"})


def patch_time(patch: Object) -> datetime:
    """When the patch was made.

    Raises:
        Mismatch: it does not say; OCPI 2.2 and later demand last_updated (R-33).
    """
    text = patch.get("last_updated")
    if not isinstance(text, str):
        raise Mismatch("Object missing required field `last_updated`")
    try:
        return Instant.parse(text).at
    except ValueError as problem:
        raise Mismatch(f"{problem} - at `$.last_updated`") from None


def is_older(told: datetime, known: datetime, now: datetime) -> bool:
    """Is what a peer tells older than what it has told before (R-34)?

    A date in the future is nobody's: what bears one could never be changed again, a token never blocked, a
    session never ended.
    """
    return told < known and known - now <= _AHEAD


def merged(stored: Object, patch: Object, *, appended: frozenset[str] = frozenset()) -> Object:
    """The document with the patch's fields in place; null takes a field away.

    Args:
        stored: the document as known.
        appended: names of lists that grow instead of being replaced.
    """
    result = dict(stored)
    for name, value in patch.items():
        before = stored.get(name)
        if value is None:
            result.pop(name, None)
        elif name in appended and isinstance(before, list) and isinstance(value, list):
            result[name] = before + value
        else:
            result[name] = value
    return result


def once_each(session: Session) -> Session:
    """The session with each charging period once: a PATCH sent again adds nothing (R-37)."""
    return msgspec.structs.replace(session, charging_periods=tuple(dict.fromkeys(session.charging_periods)))


def changes_identity(stored: Object, patch: Object) -> str | None:
    """The name of an identifying field that the patch would change, which it must not (R-32, T20)."""
    for name in sorted(_IDENTIFIERS & patch.keys() & stored.keys()):
        before, after = stored[name], patch[name]
        if not (isinstance(before, str) and isinstance(after, str) and before.casefold() == after.casefold()):
            return name
    return None


def without_identity(patch: Object) -> Object:
    """The patch without the fields that name its object, which keeps its name as its owner wrote it first (R-22)."""
    return {name: value for name, value in patch.items() if name not in _IDENTIFIERS}
