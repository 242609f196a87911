"""Compression of single messages, permessage-deflate (RFC 7692), sans-I/O. OCPP 2.1 part 4 demands it.

Always without context takeover in both directions: nothing is kept between messages, so that an idle
station costs nothing, and no message can be guessed at by its effect on the next.
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Iterator

import msgspec

WORTHWHILE_BYTES = 128
"""Shorter messages go as they are: of 120 bytes an answer would lose 9."""
_NAME = "permessage-deflate"
_LARGEST_WINDOW_BITS = 15
_OWN_WINDOW_BITS, _OWN_MEMORY = 12, 5
"""4 kB of window and 24 kB in all while one message is compressed; more gains nothing at our lengths."""
_TAIL = b"\x00\x00\xff\xff"
"""What every message ends with, and is sent without (RFC 7692 §7.2.1)."""
_LAST_BLOCK = b"\x03\x00"
"""An empty block marked as the last: a whole message ends exactly with it, a broken one does not."""
_WORD = r"[!#$%&'*+.^_`|~\w-]+"
_VALUE = rf'(?:{_WORD}|"(?:[^"\\]|\\.)*")'
_OFFER = re.compile(rf"\s*(?:,\s*)*({_WORD})((?:\s*;\s*{_WORD}(?:\s*=\s*{_VALUE})?)*)\s*(?:,|$)", re.ASCII)
_PARAMETER = re.compile(rf"\s*;\s*({_WORD})(?:\s*=\s*({_VALUE}))?", re.ASCII)


class Agreed(msgspec.Struct, frozen=True):
    """What was agreed with one station."""

    window_bits: int | None = None
    """The station's inflater knows no farther back than 2 to the power of this, in bytes; None: 15, unsaid."""

    @property
    def answer(self) -> str:
        """The value of ``Sec-WebSocket-Extensions`` in the response."""
        told = f"; server_max_window_bits={self.window_bits}" if self.window_bits is not None else ""
        return f"{_NAME}; server_no_context_takeover; client_no_context_takeover{told}"


class Unreadable(Exception):
    """A message that is not what it should be: no deflated data, or cut off within it."""


class TooLong(Exception):
    """A message that would be longer than the limit once inflated."""


def agree(offers: str) -> Agreed | None:
    """Take the first offer that can be kept; None: compress nothing, and say nothing of it.

    Args:
        offers: the station's ``Sec-WebSocket-Extensions``, repeated ones joined. A header that cannot be
            read is passed over: the station is served without compression rather than not at all.
    Source: RFC 7692 §5.1, §7.1.
    """
    for name, parameters in _read(offers):
        agreed = _considered(parameters) if name.lower() == _NAME else None
        if agreed is not None:
            return agreed
    return None


def deflated(message: bytes, agreed: Agreed) -> bytes | None:
    """A message as it is sent with RSV1 set; None: it is better sent as it is."""
    if len(message) < WORTHWHILE_BYTES:
        return None
    bits = min(agreed.window_bits or _OWN_WINDOW_BITS, _OWN_WINDOW_BITS)
    packer = zlib.compressobj(wbits=-bits, memLevel=_OWN_MEMORY)
    packed = packer.compress(message) + packer.flush(zlib.Z_SYNC_FLUSH)
    packed = packed[: -len(_TAIL)]
    return packed if len(packed) < len(message) else None


class Inflater:
    """Inflates one message, fragment by fragment, to no more than a limit (T13)."""

    __slots__ = ("_left", "_stream")

    def __init__(self, limit_bytes: int) -> None:
        self._left = limit_bytes
        self._stream = zlib.decompressobj(wbits=-_LARGEST_WINDOW_BITS)

    def take(self, fragment: bytes, *, last: bool) -> bytes:
        """Inflate a message's next fragment.

        Raises:
            TooLong: at the first byte beyond the limit; no more than that is ever held.
            Unreadable: as it says.
        """
        ending = _TAIL + _LAST_BLOCK if last else b""
        try:
            piece = self._stream.decompress(fragment + ending, self._left + 1)
        except zlib.error as error:
            raise Unreadable("no deflated data") from error
        self._left -= len(piece)
        if self._left < 0:
            raise TooLong
        if last and not self._is_whole(ending):
            raise Unreadable("deflated data is cut off")
        if not last and self._stream.eof and len(self._stream.unused_data) > 1:
            raise Unreadable("data after the last block")
        return piece

    def _is_whole(self, ending: bytes) -> bool:
        """Did the data end where the message does? Some mark a block of their own as the last (§7.2.3.4)."""
        return self._stream.eof and self._stream.unused_data in (b"", ending, b"\x00" + ending)


def _read(header: str) -> Iterator[tuple[str, list[tuple[str, str | None]]]]:
    """The offers of a header, up to the first that is none. Source: RFC 6455 §9.1."""
    at = 0
    while at < len(header):
        offer = _OFFER.match(header, at)
        if offer is None:
            return
        yield offer[1], [(name.lower(), value or None) for name, value in _PARAMETER.findall(offer[2])]
        at = offer.end()


def _considered(parameters: list[tuple[str, str | None]]) -> Agreed | None:
    """What an offer with these parameters comes to; None: it cannot be kept. Source: RFC 7692 §7.1."""
    if len({name for name, _ in parameters}) < len(parameters):
        return None
    agreed = Agreed()
    for name, value in parameters:
        match name:
            case "server_no_context_takeover" | "client_no_context_takeover":
                kept = value is None
            case "client_max_window_bits":
                # A hint: our inflater knows as far back as anybody reaches.
                kept = value is None or _bits(value) is not None
            case "server_max_window_bits":
                bits = _bits(value or "")
                # zlib makes no raw stream for a window of 256 bytes.
                kept = bits is not None and bits > 8
                agreed = Agreed(bits)
            case _:
                kept = False
        if not kept:
            return None
    return agreed


def _bits(value: str) -> int | None:
    """A window's size as RFC 7692 §7.1.2 writes it: 8 to 15, without leading zeros."""
    text = value.strip('"')
    return int(text) if re.fullmatch("[89]|1[0-5]", text) else None
