"""Which network profiles a station has and tries: examples and laws (B09, B10)."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from elstrada.charging.network import (
    ACTIVE,
    MOST_SLOTS,
    PRIORITY,
    Networks,
    networks,
    order_of,
    put_first,
    unfit,
)
from elstrada.model.mirror import Attribute, Variable
from elstrada.model.network import NetworkProfile
from elstrada.model.security import SecurityProfile, StationSecurity

SLOTS = st.lists(st.integers(0, 50), unique=True, max_size=8).map(tuple)
KNOWN = st.builds(Networks, priority=SLOTS, active=st.none() | st.integers(0, 50))


def told(key: str, value: str | None) -> Variable:
    named = Variable.named(key)
    return Variable(
        component=named.component,
        component_instance=named.component_instance,
        name=named.name,
        attributes=(Attribute(value=value),),
    )


@given(KNOWN, st.integers(0, 50))
def test_the_one_that_works_follows_the_new_one_and_none_is_lost(known: Networks, slot: int) -> None:
    order = put_first(known, slot)
    assert order[0] == slot
    assert known.came_by in (None, *order[:2])
    assert set(order) == {slot, *known.priority} | ({known.active} if known.active is not None else set())
    assert len(order) == len(set(order))
    assert put_first(Networks(priority=order, active=slot), slot) == order


@given(SLOTS)
def test_an_order_is_read_as_it_is_told(slots: tuple[int, ...]) -> None:
    assert order_of(",".join(str(slot) for slot in slots)) == slots
    assert order_of(", ".join(str(slot) for slot in (*slots, *slots))) == slots


@given(st.text(max_size=300))
def test_no_text_of_a_station_is_too_odd_to_be_read(text: str) -> None:
    known = networks([], [told(PRIORITY, text), told(ACTIVE, text)])
    assert len(known.priority) <= MOST_SLOTS
    assert known.active is None or known.active >= 0


def test_what_a_station_tells_goes_over_what_we_set_and_no_secret_is_told() -> None:
    ours = NetworkProfile(slot=2, url="wss://set.example", apn="internet")
    variables = [
        told(PRIORITY, "2,1"),
        told(ACTIVE, "1"),
        told("NetworkConfiguration[2]/OcppCsmsUrl", "wss://told.example"),
        told("NetworkConfiguration[1]/SecurityProfile", "2"),
        told("NetworkConfiguration[1]/BasicAuthPassword", "secret"),
        told("NetworkConfiguration[1]/VpnKey", "secret"),
        told("NetworkConfiguration[x]/OcppCsmsUrl", "wss://no.example"),
    ]
    known = networks([ours], variables)
    assert known.profiles == {
        1: NetworkProfile(slot=1, security_profile=2),
        2: NetworkProfile(slot=2, url="wss://told.example", apn="internet"),
    }
    assert (known.ours, known.priority, known.active) == (frozenset({2}), (2, 1), 1)
    assert known.fell_back
    assert "secret" not in repr(known)


def test_a_station_that_names_slots_without_end_is_listened_to_up_to_a_bound() -> None:
    variables = [told(f"NetworkConfiguration[{slot}]/SecurityProfile", "1") for slot in range(3 * MOST_SLOTS)]
    assert len(networks([], variables).profiles) == MOST_SLOTS


@pytest.mark.parametrize(
    ("url", "profile", "fits"),
    [
        ("wss://csms.example/ocpp", 2, True),
        ("wss://csms.example/ocpp", 3, True),
        ("ws://10.0.0.1:9000/ocpp", 1, True),
        ("wss://csms.example/ocpp", 1, False),
        ("ws://csms.example/ocpp", 3, False),
        ("wss://", 2, False),
        ("wss://[::1", 2, False),
        ("wss://csms.example/o cpp", 2, False),
        ("wss://user@csms.example", 2, False),
    ],
)
def test_an_address_fits_its_security_profile_and_holds_no_secret(url: str, profile: int, fits: bool) -> None:
    assert (unfit(url, profile, StationSecurity()) == "") is fits


def test_the_demanded_profile_is_not_lowered() -> None:
    demanded = StationSecurity(minimum=SecurityProfile.CERTIFICATE)
    assert "at least 3 is demanded" in unfit("wss://csms.example", 2, demanded)
