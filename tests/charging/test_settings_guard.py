"""What a document may not set, and what a document is."""

from __future__ import annotations

import pytest

from elstrada.charging.settings import fault_in, read_values


@pytest.mark.parametrize(
    "key",
    [
        *("NetworkConfiguration[1]/OcppCsmsUrl", "SecurityCtrlr/ SecurityProfile", " AuthorizationKey"),
        *("SecurityCtrlr/SecurityProfile", "OCPPCommCtrlr/NetworkConfigurationPriority"),
    ],
)
def test_what_keeps_a_station_from_coming_back_is_not_set_by_a_document(key: str) -> None:
    assert fault_in(key, "1") is not None


def test_a_plain_variable_is_set() -> None:
    assert fault_in("OCPPCommCtrlr/HeartbeatInterval", "300") is None
    assert read_values('{"HeartbeatInterval": "300", "A/B": "x"}') == {"HeartbeatInterval": "300", "A/B": "x"}


@pytest.mark.parametrize("text", ['{"A": "1", "A": "2"}', "[]", '{"A": 1}', "{", ""])
def test_what_is_no_document_of_single_values_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        read_values(text)
