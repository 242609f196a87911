"""Letters on a wire: which may travel, how they are written, and where to.

Subjects of NATS are words parted by dots; ``*``, ``>``, blanks and control characters mean something
there. An address becomes one word, in which every byte but a few harmless ones is written as ``=XX``.
Source: docs.nats.io, Subject-Based Messaging; the server's limit of 4,096 bytes for a control line.
"""

from __future__ import annotations

import msgspec

from elstrada.spine.post import Letter

MOST_BYTES = 64 * 1024
"""Of a letter on the wire."""
MOST_SUBJECT_BYTES = 1_000
_HARMLESS = frozenset(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_")


class Asked(msgspec.Struct, frozen=True):
    """What is sent: the ask, to whom, and how long its sender waits."""

    address: str
    timeout_s: float
    letter: Letter


class Answered(msgspec.Struct, frozen=True, tag=True):
    letter: Letter


class Nobody(msgspec.Struct, frozen=True, tag=True):
    """Nobody serves the address here; nothing was done."""

    text: str


class Failed(msgspec.Struct, frozen=True, tag=True):
    """No answer; it may or may not have been done."""

    text: str


Reply = Answered | Nobody | Failed


class Unreadable(Exception):
    """What came is no letter of ours: too long, no JSON, or of a kind that does not travel."""


_encode = msgspec.json.Encoder().encode
_decode_asked = msgspec.json.Decoder(Asked).decode
_decode_reply: msgspec.json.Decoder[Reply] = msgspec.json.Decoder(Reply)


def write(content: Asked | Reply) -> bytes:
    """Encode what shall travel.

    Raises:
        ValueError: it is too long; a bug of the sender.
    """
    written = _encode(content)
    if len(written) > MOST_BYTES:
        letter = content.letter if isinstance(content, Asked | Answered) else content
        raise ValueError(
            f"a {type(letter).__name__} of {len(written)} bytes is no letter: at most {MOST_BYTES} may travel"
        )
    return written


def read_asked(content: bytes) -> Asked:
    """Decode an ask.

    Raises:
        Unreadable: it is none.
    """
    _check_length(content)
    try:
        return _decode_asked(content)
    except msgspec.DecodeError as problem:
        raise Unreadable(f"no ask of a known kind: {problem}") from None


def read_reply(content: bytes) -> Reply:
    """Decode a reply.

    Raises:
        Unreadable: it is none.
    """
    _check_length(content)
    try:
        return _decode_reply.decode(content)
    except msgspec.DecodeError as problem:
        raise Unreadable(f"no reply of a known kind: {problem}") from None


def subject_of(prefix: str, address: str) -> str:
    """Where asks of an address are published.

    ``<prefix>.to.<address>``; of an address at a node, ``<prefix>.at.<node>.<rest>``, so that a node
    subscribes once for all its stations.

    Raises:
        ValueError: the address is empty or too long.
    """
    node, rest = node_of(address)
    if not rest or node == "":
        raise ValueError(f"{address!r} is no address: expected a name, or @<node>/<name>")
    subject = f"{prefix}.to.{_word(rest)}" if node is None else f"{prefix}.at.{_word(node)}.{_word(rest)}"
    if len(subject) > MOST_SUBJECT_BYTES:
        raise ValueError(
            f"the address {address[:60]!r}… makes a subject of {len(subject)} bytes: at most {MOST_SUBJECT_BYTES}"
        )
    return subject


def subjects_at(prefix: str, node: str) -> str:
    """The subjects of all addresses at a node."""
    return subject_of(prefix, f"@{node}/x").removesuffix("x") + "*"


def node_of(address: str) -> tuple[str | None, str]:
    """The node that an address is at, if it names one, and the rest."""
    if not address.startswith("@"):
        return None, address
    node, _, rest = address[1:].partition("/")
    return node, rest


def _word(text: str) -> str:
    return "".join(chr(byte) if byte in _HARMLESS else f"={byte:02X}" for byte in text.encode())


def _check_length(content: bytes) -> None:
    if len(content) > MOST_BYTES:
        raise Unreadable(f"{len(content)} bytes; at most {MOST_BYTES} are read")
