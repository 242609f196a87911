"""The engine's notes: gathered, and told in other languages.

A stored cost keeps its notes as English sentences for ever. Each is known again by the phrase of the
English book that it was made by, and told by the same phrase of another book; one that is not known is
told as it stands.
"""

from __future__ import annotations

import re
from collections import Counter

from elstrada.tariffs.phrases import Phrases
from elstrada.tariffs.phrases.en import ENGLISH

_GAP = re.compile(r"\\\{(\w+)\\\}")
_KNOWN = ("note.", "reason.step")


def _form(template: str) -> re.Pattern[str]:
    """What every text made by a template looks like."""
    return re.compile(_GAP.sub(r"(?P<\1>.+?)", re.escape(template)))


_FORMS = {phrase: _form(text) for phrase, text in ENGLISH.items() if phrase.startswith(_KNOWN)}


def told(note: str, phrases: Phrases) -> str:
    """A note, or the reason of a line, in the language of a phrase book."""
    for phrase, form in _FORMS.items():
        found = form.fullmatch(note)
        if found is not None:
            gaps = found.groupdict()
            if "dimension" in gaps and phrases is not ENGLISH:
                gaps["dimension"] = phrases.get(f"dimension.{gaps['dimension']}", gaps["dimension"])
            return phrases[phrase].format_map(gaps)
    return note


MOST_NOTES = 50
"""Of one kind. They are kept with the cost, and nobody reads more."""
MORE = ENGLISH["note.more"]


class Notes:
    """Notes on one cost as they come up: each once, the first of each kind, and whether there are more."""

    def __init__(self) -> None:
        self._texts: dict[str, None] = {}
        self._number: Counter[str] = Counter()
        self.full: set[str] = set()
        """Kinds of which one was left out."""

    def add(self, text: str) -> None:
        """Add a note. Its kind is the rule or decision that it names at its end, such as ``A5``."""
        if text in self._texts:
            return
        kind = text.rpartition("(")[2].rstrip(")")
        if self._number[kind] < MOST_NOTES:
            self._number[kind] += 1
            self._texts[text] = None
        else:
            self.full.add(kind)

    def texts(self) -> list[str]:
        return [*self._texts, MORE] if self.full else list(self._texts)
