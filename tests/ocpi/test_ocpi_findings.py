"""Findings: the short look says the same as the long one."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from ocpi_fixtures import CDR, LOCATION, SESSION, TARIFF, TOKEN

from elstrada.ocpi.body import Mismatch, shape
from elstrada.ocpi.findings import checks, examine, is_clean
from elstrada.ocpi.limits import LIMITS
from elstrada.ocpi.versions import LANGUAGES

_STRANGE = st.sampled_from(
    ["", "x", "X" * 40, "X" * 300, "bell\a", "AVAILABLE", None, [], ["", "Y" * 70], 0, {}]
)
_WORDS = LANGUAGES["2.2.1"]
_SHAPES = [
    (_WORDS.location.wire, LOCATION),
    (_WORDS.tariff.wire, TARIFF),
    (_WORDS.token.wire, TOKEN),
    (_WORDS.session.wire, SESSION),
    (_WORDS.cdr.wire, CDR),
]


@pytest.mark.parametrize(("kind", "document"), _SHAPES, ids=lambda one: getattr(one, "__name__", ""))
@given(data=st.data())
def test_an_object_is_clean_where_nothing_is_found_and_only_there(
    kind: type[Any], document: dict[str, Any], data: st.DataObject
) -> None:
    changed = _changed(document, data)
    try:
        struct = shape(changed, kind)
    except Mismatch:
        return
    assert is_clean(struct, lambda kind: checks(kind, LIMITS)) is not any(examine(struct, LIMITS))


def _changed(document: Any, data: st.DataObject) -> Any:
    """The document with one value somewhere in it replaced."""
    if isinstance(document, dict) and document:
        name = data.draw(st.sampled_from(sorted(document)))
        deeper = isinstance(document[name], (dict, list)) and data.draw(st.booleans())
        return {**document, name: _changed(document[name], data) if deeper else data.draw(_STRANGE)}
    if isinstance(document, list) and document:
        return [_changed(document[0], data), *document[1:]]
    return data.draw(_STRANGE)
