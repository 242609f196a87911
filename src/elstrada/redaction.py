"""Text without its secrets: what may be shown, logged and traced (T15)."""

from __future__ import annotations

import json
import re
from decimal import Decimal
from typing import cast

import msgspec

HIDDEN = "***"

_USERINFO = re.compile(
    r"(?P<scheme>[a-z][a-z0-9+.-]{0,20}://)(?P<user>[^\s/@:?#]{0,256})(?P<rest>:[^\s/@]{0,256})?@",
    re.IGNORECASE,
)
_AUTHORIZATION = re.compile(
    r"(?P<name>\b(?:proxy-)?authorization\b[\"']?\s*[:=]\s*[\"']?)(?:(?P<scheme>[A-Za-z]+)\s+)?[^\s\"',;}]+",
    re.IGNORECASE,
)
_SCHEME = re.compile(
    r"\b(?P<scheme>Bearer|Basic|Token)\s+(?=[A-Za-z+/._~-]{0,100}[0-9=])[A-Za-z0-9+/=._~-]{8,}", re.IGNORECASE
)
_NAMED = re.compile(
    r"(?P<name>(?:password|passwd|passphrase|pwd|secret|token|authorizationkey|idtag|(?:api|vpn|master|private|shared)[_-]?key|psk|pepper|vin)(?:[_-][\w-]{0,40})?[\"']?\s*[:=]\s*)"
    r"(?:\"(?:[^\"\\]|\\.)*\"|'(?:[^'\\]|\\.)*'|[^\s,;&}\])]+)",
    re.IGNORECASE,
)

_QUERY = re.compile(
    r"(?P<name>[?&][\w-]{0,40}(?:key|sig|signature|auth|code|credential)=)[^\s&\"'#]+", re.IGNORECASE
)
"""What a URL's query gives to whoever lets the caller in."""
_ONE_TIME = re.compile(r"(?P<path>/files/)[A-Za-z0-9_-]{32,128}")
"""Addresses at which a station may fetch or leave one file (``model.transfer``): whoever knows them is let in."""


def redacted(text: str) -> str:
    """The text with everything hidden that looks like a secret.

    Hidden are the user's part of URLs (the password, or a token in its place), the secret part of our own
    one-time addresses, ``Authorization`` in whatever spelling, and values that are named password, secret,
    token or the like.
    """
    if "://" in text:
        text = _USERINFO.sub(_without_userinfo, text)
        text = _QUERY.sub(lambda found: f"{found['name']}{HIDDEN}", text)
    if "/files/" in text:
        text = _ONE_TIME.sub(lambda found: f"{found['path']}{HIDDEN}", text)
    text = _AUTHORIZATION.sub(lambda found: f"{found['name']}{HIDDEN}", text)
    text = _SCHEME.sub(lambda found: f"{found['scheme']} {HIDDEN}", text)
    return _NAMED.sub(lambda found: f"{found['name']}{HIDDEN}", text)


# --- documents --------------------------------------------------------------------------------------

_SECRET_NAME = re.compile(
    r"passw(?:or)?d|passphrase|pwd|psk|pre-?shared|secret|token|authorizationkey|idtag|pepper|customeridentifier"
    r"|(?:api|vpn|master|private|shared)[_-]?key|(?:pin|vin)$",
    re.IGNORECASE,
)
_SECRET_VARIABLE = re.compile(rf"{_SECRET_NAME.pattern}|(?<!public)[_-]?key$", re.IGNORECASE)
"""Of a variable or configuration key: what is a key of something, and not its public half, is a secret."""
_PRIVATE_KEY = "PRIVATE KEY"
"""Stands in every PEM block that holds one."""
_VALUES = ("value", "attributeValue", "variableAttribute", "actualValue")
"""Where OCPP puts the value of a configuration key or variable that is named beside it."""
_encode = msgspec.json.Encoder(decimal_format="number").encode


def redacted_json(text: str) -> str:
    """A JSON document with every text hidden that is a secret or a token by its name, or looks like one.

    An object may name a secret as another's value does: ``{"key": "AuthorizationKey", "value": ...}``, or
    ``{"variable": {"name": "BasicAuthPassword"}, "attributeValue": ...}``. Where nothing is hidden, the text
    stays as it is.
    """
    try:
        document = json.loads(text, parse_float=Decimal, parse_int=_integer, object_pairs_hook=_object)
        shown = _shown(document)
        return text if shown == document else _encode(shown).decode()
    except (ValueError, ArithmeticError, RecursionError):
        return json.dumps(HIDDEN)  # Not a document: nothing can be said of its parts.


def is_secret_name(name: str) -> bool:
    """Does a variable or configuration key of this name hold a secret?"""
    return _SECRET_VARIABLE.search(name) is not None


def _object(pairs: list[tuple[str, object]]) -> dict[str, object]:
    """An object's fields.

    Raises:
        ValueError: a name stands there twice, so that its first value would be overlooked.
    """
    fields = dict(pairs)
    if len(fields) < len(pairs):
        raise ValueError("an object names a field twice")
    return fields


def _shown(value: object) -> object:
    match value:
        case str():
            return HIDDEN if _PRIVATE_KEY in value else redacted(value)
        case list():
            return [_shown(item) for item in cast("list[object]", value)]
        case dict():
            return _shown_fields(cast("dict[str, object]", value))
        case _:
            return value


def _shown_fields(fields: dict[str, object]) -> dict[str, object]:
    secret = _names_a_secret(fields)
    return {
        name: _hidden(value)
        if (secret and name in _VALUES) or _is_secret(name, value, fields)
        else _shown(value)
        for name, value in fields.items()
    }


def _is_secret(name: str, value: object, beside: dict[str, object]) -> bool:
    """A VPN's key stands under that very name, beside its password.

    A number may be a secret, as a PIN is, or a token that a station took for one; what is told of a token
    stands in an object of its own fields.
    """
    named = _SECRET_NAME.search(name) is not None or (name == "key" and "password" in beside)
    return named and not isinstance(value, dict | bool)


def _names_a_secret(fields: dict[str, object]) -> bool:
    named = fields.get("key")
    variable = fields.get("variable")
    if isinstance(variable, dict):
        named = cast("dict[str, object]", variable).get("name")
    return isinstance(named, str) and is_secret_name(named)


def _hidden(value: object) -> object:
    """The value with every text and number in it hidden."""
    match value:
        case None | bool():
            return value
        case list():
            return [_hidden(item) for item in cast("list[object]", value)]
        case dict():
            return {name: _hidden(item) for name, item in cast("dict[str, object]", value).items()}
        case _:
            return HIDDEN


def _integer(text: str) -> int | Decimal:
    return int(text) if len(text) <= 18 else Decimal(text)


def _without_userinfo(found: re.Match[str]) -> str:
    """``nats://token@host`` has its secret where others have a user: a name is shown only beside a password."""
    shown = f"{found['user']}:{HIDDEN}" if found["rest"] else HIDDEN
    return f"{found['scheme']}{shown}@"
