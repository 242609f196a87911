"""The shelf: our locations in the words of each version, encoded once, so that a page is joined and not written.

A text on it belongs to a version, a record as it stands, and the conditions of its EVSEs: what is new in any of
these is another text, and nothing has to be taken off because it has become wrong.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping

import msgspec

from elstrada.model.location import Location
from elstrada.ocpi.body import encode
from elstrada.ocpi.language import Language
from elstrada.roaming.places import Condition, living

MOST_BYTES = 16 << 20
"""Of texts, and as much again of the records they were made of."""

Conditions = Mapping[str, Condition]
"""By EVSE uid."""
_Key = tuple[str, str, tuple[tuple[str, Condition], ...]]


class Shelf:
    def __init__(self, most_bytes: int = MOST_BYTES) -> None:
        self._most, self._held = most_bytes, 0
        self._texts: OrderedDict[_Key, msgspec.Raw | None] = OrderedDict()

    def location(self, words: Language, document: str, now: Conditions) -> msgspec.Raw | None:
        """A location as a version tells it.

        Args:
            document: of its record.
            now: the conditions of those of its EVSEs of which anything is known.
        Returns:
            None: this version would misread it.
        """
        key = (words.version, document, tuple(now.items()))
        if key in self._texts:
            self._texts.move_to_end(key)
            return self._texts[key]
        told = _told(words, document, now)
        self._put(key, told)
        return told

    def _put(self, key: _Key, text: msgspec.Raw | None) -> None:
        self._texts[key] = text
        self._held += _size(key, text)
        while self._held > 2 * self._most:
            self._held -= _size(*self._texts.popitem(last=False))


def _told(words: Language, document: str, now: Conditions) -> msgspec.Raw | None:
    location = msgspec.json.decode(document, type=Location)
    written = words.location.write(living(location, now))
    return None if written.misleads else msgspec.Raw(encode(written.value))


def _size(key: _Key, text: msgspec.Raw | None) -> int:
    return len(key[1]) + (0 if text is None else len(bytes(text)))
