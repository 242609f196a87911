"""What would lower a station's security, or give it a password nobody here knows, is not sent (T4, T5)."""

from __future__ import annotations

import pytest

from elstrada.charging.calls import barred
from elstrada.model.security import SecurityProfile, StationSecurity

BASIC, TLS, OWN = SecurityProfile


def set_variable(component: str, name: str, value: str, **more: object) -> dict[str, object]:
    other = {"component": {"name": "X"}, "variable": {"name": "Y"}, "attributeValue": "1"}
    one = {"component": {"name": component}, "variable": {"name": name}, "attributeValue": value, **more}
    return {"setVariableData": [other, one]}


def network(**data: object) -> dict[str, object]:
    return {"configurationSlot": 1, "connectionData": {"ocppCsmsUrl": "wss://x.example", **data}}


def lowering(asked: int) -> list[tuple[str, dict[str, object], str]]:
    return [
        ("ChangeConfiguration", {"key": "SecurityProfile", "value": f"{asked}"}, "/value"),
        ("ChangeConfiguration", {"key": "SECURITYprofile", "value": f" {asked} "}, "/value"),
        (
            "SetVariables",
            set_variable("SecurityCtrlr", "SecurityProfile", f"{asked}"),
            "/setVariableData/1/attributeValue",
        ),
        ("SetNetworkProfile", network(securityProfile=asked), "/connectionData/securityProfile"),
    ]


@pytest.mark.parametrize("minimum", SecurityProfile)
@pytest.mark.parametrize("asked", range(4))
def test_a_call_may_ask_for_the_profile_that_is_demanded_and_more_and_never_for_less_t4(
    minimum: SecurityProfile, asked: int
) -> None:
    for action, fields, pointer in lowering(asked):
        found = barred(action, fields, StationSecurity(minimum=minimum, proven=minimum))
        if asked >= minimum:
            assert found is None, action
        else:
            assert found is not None, action
            assert (found.pointer, found.password) == (pointer, False)
            assert f"to {asked}" in found.says


def test_after_the_operators_own_step_back_the_station_may_be_taken_there_and_no_further() -> None:
    stepped_back = StationSecurity(minimum=TLS, proven=OWN)
    assert all(barred(action, fields, stepped_back) is None for action, fields, _ in lowering(2))
    assert all(barred(action, fields, stepped_back) is not None for action, fields, _ in lowering(1))


@pytest.mark.parametrize(
    ("action", "fields"),
    [
        ("ChangeConfiguration", {"key": "AuthorizationKey", "value": "00" * 20}),
        ("ChangeConfiguration", {"key": "authorizationkey", "value": "00" * 20}),
        ("SetVariables", set_variable("SecurityCtrlr", "BasicAuthPassword", "x" * 20)),
        ("SetVariables", set_variable("securityctrlr", "basicauthpassword", "x" * 20)),
        ("SetNetworkProfile", network(securityProfile=3, basicAuthPassword="x" * 20)),
    ],
)
def test_a_stations_password_is_changed_by_its_own_verb_only(action: str, fields: dict[str, object]) -> None:
    found = barred(action, fields, StationSecurity())
    assert found is not None
    assert found.password
    assert "x" * 20 not in repr(found)


@pytest.mark.parametrize(
    ("action", "fields"),
    [
        ("ChangeConfiguration", {"key": "HeartbeatInterval", "value": "1"}),
        ("ChangeConfiguration", {"key": "SecurityProfile", "value": "lowest"}),
        ("ChangeConfiguration", ["SecurityProfile"]),
        ("SetVariables", {"setVariableData": "SecurityProfile"}),
        ("SetVariables", {"setVariableData": [1, {"variable": "SecurityProfile"}]}),
        ("SetVariables", set_variable("OCPPCommCtrlr", "HeartbeatInterval", "1")),
        ("SetNetworkProfile", network(apn={"apnPassword": "secret"}, securityProfile=3)),
        ("SetNetworkProfile", {"connectionData": None}),
        ("GetVariables", {"getVariableData": [{"variable": {"name": "SecurityProfile"}}]}),
    ],
)
def test_all_else_is_left_to_the_schema_and_the_station(action: str, fields: object) -> None:
    assert barred(action, fields, StationSecurity(minimum=OWN, proven=OWN)) is None
