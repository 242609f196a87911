"""What whoever is not let in may try is a setting, and the doctor looks whether it makes sense."""

from __future__ import annotations

import os
from pathlib import Path

import msgspec
import pytest

from elstrada.config import load
from elstrada.net.station_server import StationLimits
from elstrada.net.throttle import Rate
from elstrada.roles.doctor.case import Case, Level
from elstrada.roles.doctor.knocks import examine_knocks
from elstrada.roles.doctor.machine import this_machine
from elstrada.roles.doctor.whole import EXAMINATIONS
from elstrada.roles.knocks import station_limits
from elstrada.settings import StationsSection


@pytest.fixture(autouse=True)
def _nothing_from_outside(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in [name for name in os.environ if name.upper().startswith("ELSTRADA_")]:
        monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)


def test_without_a_setting_the_door_is_as_it_is_made() -> None:
    assert station_limits(StationsSection()) == StationLimits()


def test_each_setting_is_a_limit_of_the_door() -> None:
    names = ("seconds", "waiting", "waiting_per_address", "failures_per_address", "failures_per_station")
    told = {f"stations.knocks.{name}": str(n) for n, name in enumerate(names, 11)}
    told |= {"stations.knocks.failures_per_address_a_minute": "30"}
    told |= {"stations.knocks.failures_per_station_a_minute": "15", "stations.compression": "false"}
    told |= {"stations.knocks.waiting_per_address": "12"}
    limits = station_limits(load(told).config.stations)
    assert (limits.opening_s, limits.opening_sockets, limits.opening_per_address) == (11, 12, 12)
    assert limits.address_failures == Rate(14, 0.5)
    assert limits.identity_failures == Rate(15, 0.25)
    assert limits.compression is False


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        ({}, None),
        ({"roles": "pages", "stations.knocks.failures_per_station_a_minute": "600"}, None),
        ({"stations.knocks.failures_per_station_a_minute": "600"}, "600 passwords a minute"),
        ({"stations.knocks.waiting_per_address": "1000"}, "all 1000 places"),
        ({"stations.tls_in_front": "true"}, "the proxy's address"),
        (
            {
                "stations.tls_in_front": "true",
                "stations.knocks.waiting_per_address": "1000",
                "stations.knocks.failures_per_address": "5000",
            },
            None,
        ),
    ],
)
def test_the_doctor_says_what_cannot_be_meant(settings: dict[str, str], says: str | None) -> None:
    machine = msgspec.structs.replace(this_machine())
    found = list(examine_knocks(Case(config=load({"data_dir": "data"} | settings).config, machine=machine)))
    assert [one.level for one in found] == ([] if says is None else [Level.WARNING])
    assert all(says is not None and says in one.says and "stations.knocks" in one.do for one in found)
    assert examine_knocks in EXAMINATIONS
