"""How an EVSE is fed, by its location and its device model."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal

import pytest

from elstrada.charging.composite import Supply
from elstrada.model.location import Connector
from elstrada.model.mirror import Characteristics, Variable
from elstrada.roles.feeding import most_a, most_w, supply_of


def plug(power_type: str = "AC_3_PHASE", amperes: int = 32, watts: int | None = None) -> Connector:
    return Connector(
        id="1",
        standard="IEC_62196_T2",
        format="SOCKET",
        power_type=power_type,
        max_voltage=230,
        max_amperage=amperes,
        max_electric_power=watts,
        last_updated=datetime(2026, 3, 1, tzinfo=UTC),
    )


def power(most: str | None) -> Variable:
    told = Characteristics(data_type="decimal", unit="W", max_limit=most)
    return Variable(component="EVSE", evse_id=1, name="Power", characteristics=told)


def test_voltage_and_phases_are_known_where_all_connectors_agree() -> None:
    assert supply_of([plug(), plug()]) == Supply(voltage=230, phases=3)
    assert supply_of([plug(), plug("AC_1_PHASE")]) is None
    assert supply_of([plug("DC")]) is None
    assert supply_of([]) is None
    assert supply_of([plug()], phases=1) == Supply(voltage=230, phases=1)


def test_an_evse_gives_what_its_best_connector_does() -> None:
    """A limit of less would hold on the other, too."""
    assert most_a([plug(amperes=16), plug(amperes=32)]) == 32
    assert most_a([plug(), plug("DC", 400)]) is None
    assert most_a([]) is None


@pytest.mark.parametrize(
    ("watts", "told", "most"),
    [
        ([22_000], None, 22_000),
        ([22_000], "11000", 11_000),
        ([7_400, 22_000], "30000.5", 22_000),
        ([22_000, None], "11000.5", Decimal("11000.5")),
        ([None], None, None),
        ([22_000], "plenty", 22_000),
        ([], "NaN", None),
        ([], "0", None),
    ],
)
def test_an_evse_gives_the_least_of_what_is_said_of_it(
    watts: list[int | None], told: str | None, most: Decimal | int | None
) -> None:
    assert most_w([plug(watts=one) for one in watts], power(told)) == most
    assert most_w([], None) is None
