"""Facts once written can be read for ever."""

from __future__ import annotations

import json
from decimal import Decimal
from pathlib import Path
from typing import get_args

import msgspec
import pytest

from elstrada.model.facts import CdrIssued, Fact, StationConnected
from elstrada.spine.upcast import LIFTS, Body, decode, encode

_GOLDEN = Path(__file__).parents[1] / "golden" / "facts"
_FILES = sorted(_GOLDEN.glob("*.json"))
_KINDS = {kind.__name__ for kind in get_args(Fact)}


@pytest.mark.parametrize("file", _FILES, ids=lambda file: file.stem)
def test_a_fact_as_once_written_decodes_and_loses_nothing(file: Path) -> None:
    """These files are never edited. ``<Kind>.json``, or ``<Kind>.<n>.json`` for another writing of it."""
    kind = file.stem.partition(".")[0]
    fact = decode(kind, file.read_text())
    if kind not in LIFTS:
        assert type(fact).__name__ == kind
        assert _said(json.loads(file.read_text())) <= _said(json.loads(encode(fact)[1]))


def _said(value: object, path: str = "") -> set[str]:
    """Every leaf of a document, with its place."""
    if isinstance(value, dict):
        return {leaf for name, part in value.items() for leaf in _said(part, f"{path}/{name}")}
    if isinstance(value, list):
        return {leaf for number, part in enumerate(value) for leaf in _said(part, f"{path}/{number}")}
    return {f"{path}={value!r}"}


def test_every_kind_of_fact_has_a_golden_file() -> None:
    """For a new fact, write the text that ``encode`` gives of one with all fields filled."""
    assert {file.stem.partition(".")[0] for file in _FILES} >= _KINDS


def test_only_kinds_that_left_the_model_are_lifted() -> None:
    assert _KINDS.isdisjoint(LIFTS)


def test_a_fact_that_left_the_model_is_lifted_step_by_step() -> None:
    def first(body: Body) -> Body:
        return {"type": "Second", "protocol": body["protocol"], "socket": body["socket"]}

    def second(body: Body) -> Body:
        return {"type": "StationConnected", "protocol": body["protocol"], "connection_id": body["socket"]}

    lifts = {"First": first, "Second": second}
    body = '{"type":"First","protocol":"ocpp1.6","socket":"s"}'
    assert decode("First", body, lifts) == StationConnected("ocpp1.6", "s")
    with pytest.raises(msgspec.ValidationError):
        decode("First", body)


def test_a_lift_rounds_no_amount() -> None:
    kind, body = encode(decode("CdrIssued", (_GOLDEN / "CdrIssued.json").read_text()))
    lifted = decode("Old", body.replace('"type":"CdrIssued"', '"type":"Old"'), {"Old": _renamed})
    assert lifted == decode(kind, body)
    assert isinstance(lifted, CdrIssued)
    assert str(lifted.cdr.total_cost.before_taxes) == str(Decimal("12.340"))


def _renamed(body: Body) -> Body:
    return {**body, "type": "CdrIssued"}
