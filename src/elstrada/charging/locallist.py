"""What stands in a station's local authorization list, and what changes it into what shall stand there.

Source: OCPP 1.6 §5.15; OCPP 2.0.1 part 2, D01; OCPI 2.3.0 mod_tokens (whitelist).
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime, time, timedelta

import msgspec

from elstrada.model.invoice import Contract
from elstrada.model.locallist import ListEntry, ListRule
from elstrada.model.token import Allowed, Token, Whitelist

MAX_VERSION = 2**31 - 1
FIRST_PAUSE, LONGEST_PAUSE = timedelta(seconds=30), timedelta(hours=6)
"""After a list was not taken."""
_UNABLE_PAUSE = timedelta(hours=1)
"""After a station said that it has no list at all, which takes new firmware to change."""
_MADE_FOR_REMOTE = frozenset({"APP_USER", "AD_HOC_USER"})
"""Nobody can show them at a station."""
_ALONE = frozenset({Whitelist.ALWAYS, Whitelist.ALLOWED})
"""A CPO may decide on these by itself though their party could be asked, so its station may too (R-49)."""


def listed(
    tokens: Iterable[tuple[str, Token]],
    rule: ListRule,
    *,
    typed: bool,
    now: datetime,
    group_ref: Callable[[str], str],
    contract: Callable[[Token], Contract | None],
) -> tuple[ListEntry, ...]:
    """What a station with this rule shall hold: those who may charge first, for a station may hold few.

    Args:
        tokens: all that the station's owner knows, with their pseudonyms.
        typed: one uid of two types is two tokens; else whoever shows a card is asked for its uid alone.
        contract: of a token of our own, if we know it.
    """
    chosen = dict[str, Token]()
    # One uid may stand for several tokens: the list names the one that we would judge ourselves.
    for ref, token in sorted(tokens, key=lambda one: one[1].type != "RFID"):
        chosen.setdefault(f"{ref}/{token.type}" if typed else ref, token)
    entries = [
        _entry(key, token, now, group_ref, contract(token))
        for key, token in chosen.items()
        if _belongs(token, rule)
    ]
    return tuple(sorted(entries, key=lambda one: (one.allowed is not Allowed.ALLOWED, one.key)))


def _belongs(token: Token, rule: ListRule) -> bool:
    if token.type in _MADE_FOR_REMOTE or token.whitelist not in _ALONE:
        return False
    if rule.issuers and token.party not in rule.issuers:
        return False
    return not rule.groups or token.group_id in rule.groups


def _entry(
    key: str, token: Token, now: datetime, group_ref: Callable[[str], str], contract: Contract | None
) -> ListEntry:
    allowed, expires_at = Allowed.ALLOWED if token.valid else Allowed.BLOCKED, None
    if contract is not None and contract.valid_to is not None:
        expires_at = datetime.combine(contract.valid_to + timedelta(days=1), time(), UTC)
    if allowed is Allowed.ALLOWED and contract is not None:
        if expires_at is not None and expires_at <= now:
            allowed = Allowed.EXPIRED
        elif contract.valid_from > now.date():
            allowed = Allowed.NOT_ALLOWED
    return ListEntry(
        key=key,
        uid=token.uid,
        type=token.type,
        allowed=allowed,
        group_ref=group_ref(token.group_id) if token.group_id else None,
        expires_at=expires_at,
    )


def content(entry: ListEntry) -> str:
    """What an entry says of its token, in 64 bits. Of the uid nothing goes in, for it could be tried out."""
    said = msgspec.msgpack.encode((entry.allowed, entry.group_ref, entry.expires_at))
    return hashlib.blake2b(said, digest_size=8).hexdigest()


def contents(entries: Iterable[ListEntry]) -> dict[str, str]:
    """Content hashes by key: what is kept of a list that a station has taken."""
    return {entry.key: content(entry) for entry in entries}


def changes(
    has: Mapping[str, str], wanted: Sequence[ListEntry], uid_of: Mapping[str, tuple[str, str]]
) -> tuple[ListEntry, ...] | None:
    """What must be sent to a station that has a list already; empty if it is as it should be.

    Args:
        has: the content hashes of its list.
        uid_of: uid and type of tokens that are known and no longer wanted, by key.
    Returns:
        None if that cannot be said: a token that must go was erased, and nobody knows its uid any more.
    """
    gone = has.keys() - {entry.key for entry in wanted}
    if not gone <= uid_of.keys():
        return None
    removals = (
        ListEntry(key=key, uid=uid_of[key][0], type=uid_of[key][1], allowed=None) for key in sorted(gone)
    )
    return (*removals, *(entry for entry in wanted if has.get(entry.key) != content(entry)))


def next_version(ours: int | None, theirs: int, messages: int) -> int | None:
    """The version of the first of these messages; None: numbers have run out, and a whole list begins at 1.

    Higher than all that was ever given: a version tells a station whether it has the list already, and 0 and
    less have meanings of their own.
    """
    first = max(ours or 0, theirs, 0) + 1
    return first if first + messages - 1 <= MAX_VERSION else None


def pause(failures: int, spread: float, *, unable: bool) -> timedelta:
    """How long a station is left in peace that did not take its list: longer each time, and no two alike.

    Args:
        failures: in a row, from 1.
        spread: from 0 to 1; moves the pause between half and the whole of it.
        unable: it says that it has no list.
    """
    first = _UNABLE_PAUSE if unable else FIRST_PAUSE
    longest = min(first * 2 ** min(failures - 1, 16), LONGEST_PAUSE)
    return longest * (0.5 + spread / 2)
