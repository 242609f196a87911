"""Phrase books: how prices, and what is odd about them, are told in each language.

A book maps a phrase to a text with gaps; ``locale`` says how numbers are written and ``moment``, ``date``
how times are. Another language is another book here, with the same phrases and the same gaps.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum

from elstrada.tariffs.phrases.en import ENGLISH
from elstrada.tariffs.phrases.it import ITALIAN
from elstrada.tariffs.phrases.sv import SWEDISH

Phrases = Mapping[str, str]


class Tongue(StrEnum):
    """A language that prices are told in. ISO 639-1."""

    EN = "en"
    SV = "sv"
    IT = "it"


BOOKS: Mapping[Tongue, Phrases] = {Tongue.EN: ENGLISH, Tongue.SV: SWEDISH, Tongue.IT: ITALIAN}
