"""Limits for models that take them otherwise than they should (rule 28)."""

from __future__ import annotations

import msgspec
import pytest

from elstrada.charging.limits import Rung, Target, ladder
from elstrada.model.admission import Make
from elstrada.model.profile import Abilities, Profile, Purpose
from elstrada.model.quirk import Quirk
from elstrada.roles.quirks.table import ours

STATION = Target(evses=frozenset({1}))
THREE_LEVELS = Abilities(max_stack_level=3)


def rung(purpose: Purpose, quirks: tuple[Quirk, ...], *installed: Profile) -> Rung:
    rungs = ladder(STATION, installed, THREE_LEVELS, quirks)
    return next(one for one in rungs if one.purpose is purpose)


@pytest.mark.rule(28)
@pytest.mark.parametrize("make", [Make("Schneider Electric", "EVlink"), Make("Charge Amps", "HALO", "180")])
def test_a_purpose_that_a_model_refuses_is_not_tried(make: Make) -> None:
    quirks = ours().of(make, {})
    barred = rung(Purpose.STATION_MAX, quirks).barred
    assert barred.startswith("this model ")
    assert "https://github.com/lbbrhzn/ocpp/issues/87" in barred, "and the operator is told who says so"
    assert not rung(Purpose.TX_DEFAULT, quirks).barred
    assert not rung(Purpose.STATION_MAX, ()).barred, "without the row it would be tried"


@pytest.mark.rule(28)
@pytest.mark.parametrize("model", ["CDT_TACW11::NET_WIFI", "TACW22", "Terra AC"])
def test_a_model_is_given_only_the_levels_it_takes(model: str) -> None:
    quirks = ours().of(Make("ABB", model), {})
    other = Profile(
        id=1,
        evse_id=0,
        stack_level=0,
        purpose=Purpose.STATION_MAX,
        kind="Absolute",
        source="EMS",
        schedules=(),
        wire=msgspec.Raw(b"{}"),
    )
    assert rung(Purpose.STATION_MAX, quirks).stack_level == 0
    assert "takes no higher" in rung(Purpose.STATION_MAX, quirks, other).barred
    assert rung(Purpose.STATION_MAX, (), other).stack_level == 1, "as it says of itself"
