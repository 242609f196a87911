"""What is stored and shown of a document holds no secret, and is otherwise as it was."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from elstrada.redaction import HIDDEN, is_secret_name, redacted_json

SECRET = "c0rrect-horse"
DOCUMENTS = {
    "1.6 ChangeConfiguration": {"key": "AuthorizationKey", "value": SECRET},
    "1.6 GetConfiguration": {
        "configurationKey": [{"key": "AuthorizationKey", "readonly": False, "value": SECRET}]
    },
    "1.6 RemoteStartTransaction": {"connectorId": 1, "idTag": SECRET},
    "1.6 SendLocalList": {
        "listVersion": 1,
        "localAuthorizationList": [
            {"idTag": SECRET, "idTagInfo": {"status": "Accepted", "parentIdTag": SECRET}}
        ],
        "updateType": "Full",
    },
    "1.6 GetDiagnostics": {"location": f"ftp://station:{SECRET}@files.example/d"},
    "1.6 UpdateFirmware": {"location": f"https://files.example/files/{'A' * 30}{SECRET}/fw.bin"},
    "2.x GetLog": {"log": {"remoteLocation": f"http://10.0.0.1:8002/a/files/{SECRET}{'_' * 30}/"}},
    "2.x SetVariables": {
        "setVariableData": [
            {
                "attributeValue": SECRET,
                "component": {"name": "SecurityCtrlr"},
                "variable": {"name": "BasicAuthPassword"},
            }
        ]
    },
    "2.x GetVariables": {
        "getVariableResult": [
            {
                "attributeStatus": "Accepted",
                "attributeValue": SECRET,
                "component": {"name": "WebPaymentsCtrlr"},
                "variable": {"name": "SharedSecret"},
            }
        ]
    },
    "2.x report": {
        "component": {"name": "SecurityCtrlr"},
        "variable": {"name": "BasicAuthPassword"},
        "variableAttribute": [{"type": "Actual", "value": SECRET}],
    },
    "2.x RequestStartTransaction": {
        "idToken": {"idToken": SECRET, "type": "Central", "additionalInfo": [{"additionalIdToken": SECRET}]}
    },
    "2.x SetNetworkProfile": {
        "connectionData": {
            "basicAuthPassword": SECRET,
            "vpn": {"server": "vpn.example", "user": "u", "password": SECRET, "key": SECRET, "type": "IKEv2"},
            "apn": {"apn": "a", "apnPassword": SECRET, "simPin": 1234},
        }
    },
    "2.x CustomerInformation": {"customerIdentifier": SECRET},
    "any private key": {"data": f"-----BEGIN EC PRIVATE KEY-----\n{SECRET}"},
    "text in text": {"data": json.dumps({"password": SECRET})},
}


@pytest.mark.parametrize("document", DOCUMENTS.values(), ids=DOCUMENTS)
def test_no_secret_and_no_token_is_left_in_a_document(document: object) -> None:
    shown = redacted_json(json.dumps(document))

    assert SECRET not in shown
    assert HIDDEN in shown
    json.loads(shown)


def test_what_stands_beside_a_secret_stays_exactly_as_it_was() -> None:
    text = '{"limit":16.10,"big":123456789012345678901234567890,"idTag":"A","key":"HeartbeatInterval","value":"9"}'

    assert redacted_json(text) == text.replace('"A"', f'"{HIDDEN}"')


def test_the_public_part_of_a_certificate_is_no_secret() -> None:
    text = json.dumps({"certificate": "-----BEGIN CERTIFICATE-----\nMIIB"})

    assert redacted_json(text) == text


@pytest.mark.parametrize(
    "text",
    [
        '{"idTag":12345678}',
        '{"idTag":["12345678"]}',
        '{"idTag":[12345678,["12345678"]]}',
        '{"simPin":12345678}',
    ],
)
def test_a_secret_of_the_wrong_type_is_one_all_the_same(text: str) -> None:
    assert "12345678" not in redacted_json(text)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        "[" * 100_000,
        '{"password": 1e9999999999999999999}',
        '{"idTag":"SECRET","idTag":null}',
        '{"idTag":"A","info":"\\ud800"}',
    ],
)
def test_what_is_no_document_is_hidden_whole(text: str) -> None:
    assert json.loads(redacted_json(text)) == HIDDEN


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False),
        # A number under a secret's name is hidden as a PIN is.
        lambda parts: (
            st.lists(parts, max_size=4)
            | st.dictionaries(
                st.text(max_size=8).filter(lambda name: not is_secret_name(name)), parts, max_size=4
            )
        ),
        max_leaves=20,
    )
)
def test_a_document_without_texts_is_left_alone(document: object) -> None:
    text = json.dumps(document)

    assert redacted_json(text) == text
