"""The generated messages are those of the official schemas, and stay so."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import pytest

from elstrada.ocpp.v16 import messages as v16
from elstrada.ocpp.v21 import messages as v21
from elstrada.ocpp.v201 import messages as v201

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize(("version", "folder"), [("1.6", "v16"), ("2.0.1", "v201"), ("2.1", "v21")])
def test_generating_again_gives_no_difference(version: str, folder: str) -> None:
    spec = importlib.util.spec_from_file_location("generate_ocpp", ROOT / "tools/generate_ocpp.py")
    assert spec is not None
    assert spec.loader is not None
    generator = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(generator)

    written = (ROOT / "src/elstrada/ocpp" / folder / "messages.py").read_text()

    assert generator.generate(version) == written


def test_every_action_of_the_standards_is_there() -> None:
    assert len(v16.ACTIONS) == 39  # 28 of the core document, 11 of the security whitepaper
    assert len(v201.ACTIONS) == 64
    assert len(v21.ACTIONS) + len(v21.SENDS) == 91
    assert {
        "SecurityEventNotification",
        "SignedUpdateFirmware",
        "ExtendedTriggerMessage",
    } <= v16.ACTIONS.keys()
    assert v201.ACTIONS.keys() < v21.ACTIONS.keys()
    assert list(v21.SENDS) == ["NotifyPeriodicEventStream"]
    assert not v16.SENDS
    assert not v201.SENDS
