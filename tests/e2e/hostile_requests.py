"""What a caller could send to break a server, and the protocol's own answer to it.

An answer is an HTTP status, and for OCPI its status code as well (R-20, R-47); what is sent is either a
request or, for what no HTTP library would say, the bytes themselves.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from enum import Enum
from typing import Any


class Shown(Enum):
    """Which token the caller shows."""

    NONE = "none"
    EMSP = "that of a registered eMSP, to our CPO"
    CPO = "that of a registered CPO, to our eMSP"
    INVITED = "a token A, not used yet"
    DESK = "the desk's secret"


@dataclass(frozen=True)
class Hostile:
    """One thing to ask."""

    name: str
    answer: tuple[int, int | None]
    """HTTP status, and OCPI status code."""
    method: str = "GET"
    path: str = "/ocpi/versions"
    shown: Shown = Shown.EMSP
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)
    raw: bytes = b""
    """The whole request; ``HOST`` in it becomes the server's."""


@dataclass(frozen=True)
class Put(Hostile):
    """A token put at our CPO, by default."""

    method: str = "PUT"
    path: str = "/ocpi/2.2.1/cpo/tokens/NL/HAC/04AA"


TOKEN = {
    "country_code": "NL",
    "party_id": "HAC",
    "uid": "04AA",
    "type": "RFID",
    "contract_id": "NLHACC00000001",
    "issuer": "Hostile",
    "valid": True,
    "whitelist": "ALLOWED",
    "last_updated": "2026-01-01T00:00:00Z",
}


def token(**changes: Any) -> bytes:
    return json.dumps({**TOKEN, **changes}).encode()


def session(**changes: Any) -> bytes:
    """A session of the hostile CPO, with something wrong in it."""
    right = {
        "country_code": "NL",
        "party_id": "HAC",
        "id": "S1",
        "start_date_time": "2026-01-01T00:00:00Z",
        "kwh": 1.0,
        "cdr_token": {
            "country_code": "SE",
            "party_id": "RET",
            "uid": "04AA",
            "type": "RFID",
            "contract_id": "C",
        },
        "auth_method": "WHITELIST",
        "location_id": "L",
        "evse_uid": "E",
        "connector_id": "1",
        "currency": "EUR",
        "status": "ACTIVE",
        "last_updated": "2026-01-01T00:00:00Z",
    }
    return json.dumps({**right, **changes}).encode()


def raw(*lines: str, body: bytes = b"") -> bytes:
    return "\r\n".join((*lines, "", "")).encode("latin-1") + body


TOKENS, SESSIONS = "/ocpi/2.2.1/cpo/tokens", "/ocpi/2.2.1/emsp/sessions"
LOCATIONS = "/ocpi/2.2.1/cpo/locations"
UNAUTHORIZED, NOT_HERE = (401, 2000), (404, 2000)
MALFORMED, INVALID = (400, 2001), (200, 2001)
"""R-20: what is no JSON is an HTTP error, what is no OCPI an OCPI one."""
BAD = (400, None)
CUT_OFF = (0, None)
"""The line is closed without a word, since the head of the request has no end."""
REQUESTS = (
    # Who calls.
    Hostile("no token", UNAUTHORIZED, path=LOCATIONS, shown=Shown.NONE),
    Hostile(
        "a token nobody has",
        UNAUTHORIZED,
        path=LOCATIONS,
        shown=Shown.NONE,
        headers={"Authorization": "Token d3Jvbmc="},
    ),
    Hostile(
        "a token that is no base64",
        UNAUTHORIZED,
        path=LOCATIONS,
        shown=Shown.NONE,
        headers={"Authorization": "Token \xff%%"},
    ),
    Hostile(
        "another scheme",
        UNAUTHORIZED,
        path=LOCATIONS,
        shown=Shown.NONE,
        headers={"Authorization": "Bearer d3Jvbmc="},
    ),
    Hostile(
        "a token of 20,000 characters",
        UNAUTHORIZED,
        path=LOCATIONS,
        shown=Shown.NONE,
        headers={"Authorization": "Token " + "A" * 20_000},
    ),
    Hostile("token A at a module", UNAUTHORIZED, path=LOCATIONS, shown=Shown.INVITED),
    # Where it may not be.
    Hostile("the other side of the market", NOT_HERE, path="/ocpi/2.2.1/emsp/tokens"),
    Put(
        "an object of another party",
        NOT_HERE,
        path=f"{TOKENS}/SE/RET/04AA",
        body=token(country_code="SE", party_id="RET"),
    ),
    Put("another party in the body than in the path", INVALID, body=token(country_code="SE", party_id="RET")),
    Put("another id in the body than in the path", INVALID, body=token(uid="04BB")),
    Put("a path that names no party", NOT_HERE, path=f"{TOKENS}/NETHERLANDS/HACKERS/04AA", body=token()),
    Hostile(
        "on behalf of another party",
        INVALID,
        path=LOCATIONS,
        headers={"OCPI-from-country-code": "SE", "OCPI-from-party-id": "RET"},
    ),
    Hostile(
        "to a party that is not here",
        INVALID,
        path=LOCATIONS,
        headers={"OCPI-to-country-code": "DE", "OCPI-to-party-id": "XXX"},
    ),
    Hostile("a module nobody knows", NOT_HERE, path="/ocpi/2.2.1/cpo/passwords"),
    Hostile("a version nobody speaks", NOT_HERE, path="/ocpi/9.9/cpo/locations"),
    Hostile("a path upwards", NOT_HERE, path="/ocpi/2.2.1/../../keys.json"),
    Hostile("another method", (405, 2000), "DELETE", LOCATIONS),
    Hostile("a method nobody knows", BAD, "EXTERMINATE", LOCATIONS),
    Hostile(
        "a second registration",
        (405, 2000),
        "POST",
        "/ocpi/2.2.1/credentials",
        body=b'{"token":"x","url":"http://127.0.0.1:1/","roles":[]}',
    ),
    Hostile(
        "an address of ours to call back",
        (200, 3001),
        "POST",
        "/ocpi/2.2.1/credentials",
        Shown.INVITED,
        b'{"token":"x","url":"http://169.254.169.254/versions","roles":[{"role":"EMSP","country_code":"NL","party_id":"SRF","business_details":{"name":"H"}}]}',
    ),
    # What it sends.
    Put("no body", MALFORMED),
    Put("no JSON", MALFORMED, body=b"<xml/>"),
    Put("a list", INVALID, body=b"[" + token() + b"]"),
    Put("a required field missing", INVALID, body=b'{"uid":"04AA"}'),
    Put("a wrong type", INVALID, body=token(valid="yes")),
    Put("a key twice", MALFORMED, body=token()[:-1] + b',"valid":false}'),
    Put("NaN", MALFORMED, body=token()[:-1] + b',"x":NaN}'),
    Put("a number of 100,000 digits", MALFORMED, body=token()[:-1] + b',"x":' + b"9" * 100_000 + b"}"),
    Put(
        "a number of a million zeros",
        MALFORMED,
        path=f"{SESSIONS}/NL/HAC/S1",
        shown=Shown.CPO,
        body=session()[:-1] + b',"x":1E+1000000}',
    ),
    Put(
        "a price that is text",
        INVALID,
        path=f"{SESSIONS}/NL/HAC/S1",
        shown=Shown.CPO,
        body=session(kwh="a lot"),
    ),
    Put("a time that is none", INVALID, body=token(last_updated="yesterday")),
    Put("nesting of 100,000", MALFORMED, body=b"[" * 100_000),
    Put(
        "nesting in a field",
        MALFORMED,
        body=token()[:-1] + b',"x":' + b'{"a":' * 200 + b"1" + b"}" * 200 + b"}",
    ),
    Put("invalid UTF-8", MALFORMED, body=token()[:-2] + b'\xff\xfe"}'),
    Put("a NUL in a text", MALFORMED, body=token(issuer="a\x00b")),
    Put("half a surrogate pair", MALFORMED, body=token(issuer="a\ud800b")),
    Hostile("a patch without a time", INVALID, "PATCH", f"{TOKENS}/NL/HAC/04AA", body=b'{"valid":false}'),
    Put("a path segment of 5,000 characters", INVALID, path=f"{TOKENS}/NL/HAC/{'x' * 5_000}", body=token()),
    Put("a line end in the path", INVALID, path=f"{TOKENS}/NL/HAC/04%0d%0aAA", body=token()),
    # Pages of a list.
    Hostile("a limit below zero", INVALID, path=f"{LOCATIONS}?limit=-1"),
    Hostile("an offset of 40 digits", INVALID, path=f"{LOCATIONS}?offset={'9' * 40}"),
    Hostile("a date that is none", INVALID, path=f"{LOCATIONS}?date_from=%00"),
    Hostile("a thousand query fields", BAD, path=f"{LOCATIONS}?" + "&".join(f"a{n}=1" for n in range(1000))),
    # The desk.
    Hostile("the desk without its secret", (401, None), "POST", "/api/v1/desk/party-list", Shown.NONE, b"{}"),
    Hostile("the desk with a peer's token", (401, None), "POST", "/api/v1/desk/party-list", body=b"{}"),
    Hostile("a verb nobody knows", (404, None), "POST", "/api/v1/desk/store-format", Shown.DESK, b"{}"),
    Hostile("a verb's parameters as a list", BAD, "POST", "/api/v1/desk/party-list", Shown.DESK, b"[]"),
    Hostile("a parameter nobody knows", BAD, "POST", "/api/v1/desk/party-list", Shown.DESK, b'{"x":1}'),
    Hostile("nesting at the desk", BAD, "POST", "/api/v1/desk/party-list", Shown.DESK, b"[" * 100_000),
    Hostile("invalid UTF-8 at the desk", BAD, "POST", "/api/v1/desk/party-list", Shown.DESK, b'{"\xff":1}'),
    # The pages.
    Hostile("a page nobody made", (404, None), path="/admin.php", shown=Shown.NONE),
    Hostile("a file outside", (404, None), path="/static/..%2f..%2fkeys.json", shown=Shown.NONE),
    Hostile("a page to be written", (405, None), "POST", "/", Shown.NONE, b"x=1"),
    Hostile(
        "another host's name", (421, None), path="/", shown=Shown.NONE, headers={"Host": "attacker.example"}
    ),
    # No HTTP.
    Hostile("bytes of no protocol", BAD, raw=b"\x16\x03\x01\x02\x00" * 20),
    Hostile(
        "a header of 40 KiB", CUT_OFF, raw=raw("GET / HTTP/1.1", "Host: HOST", "X-Long: " + "x" * 40_960)
    ),
    Hostile(
        "two lengths",
        BAD,
        raw=raw(
            "POST /ocpi/versions HTTP/1.1", "Host: HOST", "Content-Length: 1", "Content-Length: 2", body=b"xx"
        ),
    ),
    Hostile(
        "a length and chunks",
        BAD,
        raw=raw(
            "POST /ocpi/versions HTTP/1.1",
            "Host: HOST",
            "Content-Length: 5",
            "Transfer-Encoding: chunked",
            body=b"0\r\n\r\nGET /admin HTTP/1.1\r\n\r\n",
        ),
    ),
    Hostile(
        "a length below zero",
        BAD,
        raw=raw("POST /ocpi/versions HTTP/1.1", "Host: HOST", "Content-Length: -1"),
    ),
    Hostile(
        "a body of 10 GB, announced",
        (413, None),
        raw=raw("POST /ocpi/versions HTTP/1.1", "Host: HOST", "Content-Length: 10000000000"),
    ),
    Hostile(
        "chunks without a number",
        BAD,
        raw=raw("POST /ocpi/versions HTTP/1.1", "Host: HOST", "Transfer-Encoding: chunked", body=b"zz\r\n"),
    ),
)
