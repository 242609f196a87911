"""Text without its secrets: what may be shown, logged and traced (T15)."""

from __future__ import annotations

import re

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
    r"(?P<name>\b[\w-]{0,40}(?:password|passwd|secret|token|authorizationkey|idtag|api[_-]?key|pepper|vin)(?:[_-][\w-]{0,40})?[\"']?\s*[:=]\s*)"
    r"(?:\"(?:[^\"\\]|\\.)*\"|'(?:[^'\\]|\\.)*'|[^\s,;&}\])]+)",
    re.IGNORECASE,
)


def redacted(text: str) -> str:
    """The text with everything hidden that looks like a secret.

    Hidden are the user's part of URLs (the password, or a token in its place), ``Authorization`` in
    whatever spelling, and values that are named password, secret, token or the like.
    """
    if "://" in text:
        text = _USERINFO.sub(_without_userinfo, text)
    text = _AUTHORIZATION.sub(lambda found: f"{found['name']}{HIDDEN}", text)
    text = _SCHEME.sub(lambda found: f"{found['scheme']} {HIDDEN}", text)
    return _NAMED.sub(lambda found: f"{found['name']}{HIDDEN}", text)


def _without_userinfo(found: re.Match[str]) -> str:
    """``nats://token@host`` has its secret where others have a user: a name is shown only beside a password."""
    shown = f"{found['user']}:{HIDDEN}" if found["rest"] else HIDDEN
    return f"{found['scheme']}{shown}@"
