"""What is agreed with a station about compression, and what is made of its messages (RFC 7692)."""

from __future__ import annotations

import contextlib
import random
import zlib

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from websockets.extensions.permessage_deflate import ClientPerMessageDeflateFactory
from websockets.headers import parse_extension

from elstrada.net.deflate import WORTHWHILE_BYTES, Agreed, Inflater, TooLong, Unreadable, agree, deflated

PLAIN = "permessage-deflate; server_no_context_takeover; client_no_context_takeover"
TAIL = b"\x00\x00\xff\xff"

KEPT = {
    "permessage-deflate": PLAIN,
    "Permessage-Deflate": PLAIN,
    "permessage-deflate; client_max_window_bits": PLAIN,
    "permessage-deflate; client_max_window_bits=9;server_no_context_takeover": PLAIN,
    "permessage-deflate; client_no_context_takeover ; server_no_context_takeover": PLAIN,
    "permessage-deflate; server_max_window_bits=10": f"{PLAIN}; server_max_window_bits=10",
    'permessage-deflate; server_max_window_bits="10"': f"{PLAIN}; server_max_window_bits=10",
    "permessage-deflate; server_max_window_bits=15": f"{PLAIN}; server_max_window_bits=15",
    "x-webkit-deflate-frame, permessage-deflate": PLAIN,
    'other; a="b, permessage-deflate; c", permessage-deflate; server_max_window_bits=9': (
        f"{PLAIN}; server_max_window_bits=9"
    ),
    "permessage-deflate; server_max_window_bits=8, permessage-deflate": PLAIN,
    "permessage-deflate; mode=fast, permessage-deflate; client_max_window_bits": PLAIN,
    ", ,permessage-deflate,,": PLAIN,
}

PASSED_OVER = [
    "",
    "permessage-bzip2",
    "permessage-deflate-2",
    "permessage-deflate; mode",
    "permessage-deflate; server_no_context_takeover=1",
    'permessage-deflate; client_no_context_takeover=""',
    "permessage-deflate; server_no_context_takeover; server_no_context_takeover",
    "permessage-deflate; server_max_window_bits",
    "permessage-deflate; server_max_window_bits=8",  # zlib makes no raw stream of this window.
    "permessage-deflate; server_max_window_bits=16",
    "permessage-deflate; server_max_window_bits=010",
    "permessage-deflate; server_max_window_bits=\u0661\u0660",
    "permessage-deflate; client_max_window_bits=7",
    "permessage-deflate; client_max_window_bits=",
    "permessage-deflate;",
    "permessage-deflate client_max_window_bits",
    'permessage-deflate; server_max_window_bits="10',
    "=; permessage-deflate",
]


@pytest.mark.parametrize("offers", KEPT)
def test_the_first_offer_that_can_be_kept_is_answered_without_context_takeover(offers: str) -> None:
    agreed = agree(offers)
    assert agreed is not None
    assert agreed.answer == KEPT[offers]


@pytest.mark.parametrize("offers", PASSED_OVER)
def test_an_offer_that_cannot_be_kept_or_read_is_passed_over_in_silence(offers: str) -> None:
    assert agree(offers) is None


WORDS = st.one_of(
    st.sampled_from(
        [
            "permessage-deflate",
            "server_max_window_bits",
            "client_max_window_bits",
            "server_no_context_takeover",
        ]
    ),
    st.sampled_from(
        ["client_no_context_takeover", "8", "9", "10", "15", "16", '"12"', ";", ",", "=", " ", '"']
    ),
    st.text(max_size=4),
)


@given(st.lists(WORDS, max_size=14).map("".join))
@example('permessage-deflate; server_max_window_bits="12", permessage-deflate')
@example("permessage-deflate;" * 5_000)
@example('permessage-deflate; a="' + "\\" * 10_000)
def test_any_header_is_passed_over_or_answered_as_an_independent_client_accepts(offers: str) -> None:
    agreed = agree(offers)
    if agreed is None:
        return
    ((name, parameters),) = parse_extension(agreed.answer)
    assert name == "permessage-deflate"
    client = ClientPerMessageDeflateFactory(
        server_max_window_bits=agreed.window_bits,
        client_max_window_bits=True,
    )
    made = client.process_response_params(parameters, [])
    assert made.remote_no_context_takeover
    assert made.local_no_context_takeover
    assert made.remote_max_window_bits == (agreed.window_bits or 15)


@given(st.text(max_size=3_000).map(str.encode), st.integers(9, 15))
def test_what_we_compress_an_inflater_of_the_agreed_window_reads_and_it_is_shorter(
    message: bytes, bits: int
) -> None:
    packed = deflated(message * 3, Agreed(bits))
    if packed is None:
        return
    assert len(packed) < len(message * 3)
    assert zlib.decompressobj(wbits=-bits).decompress(packed + TAIL) == message * 3


def test_a_short_message_and_one_that_would_not_shrink_go_as_they_are() -> None:
    assert deflated(b"a" * (WORTHWHILE_BYTES - 1), Agreed()) is None
    assert deflated(random.Random(1).randbytes(5_000), Agreed()) is None
    assert deflated(b"a" * WORTHWHILE_BYTES, Agreed()) is not None


@given(st.binary(max_size=5_000), st.lists(st.integers(1, 400), max_size=20), st.integers(0, 9))
def test_a_message_comes_whole_out_of_any_fragments(message: bytes, sizes: list[int], level: int) -> None:
    packed = packed_by_zlib(message, level)
    inflater, out = Inflater(5_000), b""
    for size in sizes:
        out += inflater.take(packed[:size], last=False)
        packed = packed[size:]
    assert out + inflater.take(packed, last=True) == message


def test_a_block_that_says_it_is_the_last_may_end_a_message() -> None:
    """RFC 7692 §7.2.3.4 gives this very example."""
    assert Inflater(10).take(b"\xf3\x48\xcd\xc9\xc9\x07\x00\x00", last=True) == b"Hello"
    inflater = Inflater(10)
    assert inflater.take(b"\xf3\x48\xcd\xc9\xc9\x07\x00", last=False) == b"Hello"
    assert inflater.take(b"\x00", last=True) == b""


def test_an_empty_message_is_one_zero_byte() -> None:
    """RFC 7692 §7.2.3.6."""
    assert Inflater(10).take(b"\x00", last=True) == b""


@pytest.mark.parametrize("length", [100, 101, 1 << 30])
def test_no_more_than_the_limit_comes_out_of_a_bomb_t13(length: int) -> None:
    packed = bomb(length)
    if length <= 100:
        assert len(Inflater(100).take(packed, last=True)) == length
        return
    with pytest.raises(TooLong):
        Inflater(100).take(packed, last=True)


def test_fragments_count_together_towards_the_limit_t13() -> None:
    packed = bomb(1_000)
    inflater = Inflater(999)
    came = b"".join(inflater.take(packed[at : at + 1], last=False) for at in range(3))
    assert len(came) < 1_000
    with pytest.raises(TooLong):
        inflater.take(packed[3:], last=True)


BROKEN = {
    "no deflated data": b"\xff\xff\xff\xff",
    "text": b'[2,"1","Heartbeat",{}]',
    "cut off in a block": None,
    "more behind a last block": b"\xf3\x48\xcd\xc9\xc9\x07\x00\x00" * 2,
    "many last blocks": b"\x03\x00" * 30_000,
}


@pytest.mark.parametrize("name", BROKEN)
def test_what_is_no_whole_message_is_unreadable(name: str) -> None:
    packed = BROKEN[name] or packed_by_zlib(b'[2,"1","Heartbeat",{"a":"bcdefgh"}]' * 4, 9)[:-9]
    with pytest.raises(Unreadable):
        Inflater(1_000).take(packed, last=True)


@given(st.binary(max_size=300), st.booleans())
def test_any_bytes_are_a_message_or_refused_and_never_beyond_the_limit(packed: bytes, last: bool) -> None:
    with contextlib.suppress(TooLong, Unreadable):
        assert len(Inflater(64).take(packed, last=last)) <= 64


def packed_by_zlib(message: bytes, level: int = 6) -> bytes:
    """As RFC 7692 §7.2.1 says, with a window of 32 kB."""
    packer = zlib.compressobj(level, wbits=-15)
    return (packer.compress(message) + packer.flush(zlib.Z_SYNC_FLUSH)).removesuffix(TAIL)


def bomb(length: int) -> bytes:
    """So many zeros, without ever holding them."""
    packer, out, piece = zlib.compressobj(9, wbits=-15), b"", bytes(1 << 16)
    for _ in range(length >> 16):
        out += packer.compress(piece)
    out += packer.compress(bytes(length & 0xFFFF))
    return (out + packer.flush(zlib.Z_SYNC_FLUSH)).removesuffix(TAIL)
