"""What travels between nodes: known letters, as subjects and bytes that mean nothing else."""

from __future__ import annotations

import contextlib

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from elstrada.model.answers import CommandDone
from elstrada.model.asks import Boot, Tick
from elstrada.model.device import CommandResult
from elstrada.spine.letters import (
    MOST_BYTES,
    Answered,
    Asked,
    Failed,
    Nobody,
    Unreadable,
    read_asked,
    read_reply,
    subject_of,
    subjects_at,
    write,
)

NAMES = st.text(min_size=1, max_size=40).filter(lambda text: not text.startswith("@"))
NODES = st.text(min_size=1, max_size=20).filter(lambda text: "/" not in text)


@given(NAMES, NODES)
def test_a_subject_is_two_or_three_plain_words_after_the_prefix(name: str, node: str) -> None:
    for subject, words in ((subject_of("p", name), 3), (subject_of("p", f"@{node}/{name}"), 4)):
        assert subject.isascii()
        assert subject.isprintable()
        assert len(subject.split(".")) == words
        assert not set(subject) & set(" *>$\t\r\n")
    assert (
        subjects_at("p", node).removesuffix("*")
        == subject_of("p", f"@{node}/{name}").rpartition(".")[0] + "."
    )


@given(st.lists(st.one_of(NAMES, st.builds("@{}/{}".format, NODES, NAMES)), unique=True, max_size=20))
def test_two_addresses_never_share_a_subject(addresses: list[str]) -> None:
    assert len({subject_of("p", address) for address in addresses}) == len(addresses)


@pytest.mark.parametrize("address", ["", "@", "@/x", "@node", "@node/"])
def test_what_names_nobody_is_no_address(address: str) -> None:
    with pytest.raises(ValueError, match="no address"):
        subject_of("p", address)


def test_an_address_has_a_longest() -> None:
    assert subject_of("p", "x" * 900)
    with pytest.raises(ValueError, match="at most 1000"):
        subject_of("p", "ä" * 500)


@given(st.binary(max_size=200))
def test_no_bytes_break_the_reader(content: bytes) -> None:
    for read in (read_asked, read_reply):
        with contextlib.suppress(Unreadable):
            read(content)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"null",
        b'{"address":"a","timeout_s":1,"letter":{"type":"Shell","command":"rm"}}',
        b'{"address":"a","timeout_s":1,"letter":{"type":"AskParty"}}',
        b'{"address":"a","timeout_s":1,"letter":{"type":"StationConnected","protocol":"","connection_id":""}}',
        b'{"address":"a","timeout_s":1,"letter":{"type":"Boot","vendor":1,"model":""}}',
        b'{"address":"a","timeout_s":1}',
        b'{"type":"Answered","letter":{"type":"SessionStarted"}}',
        b'{"type":"Tick"}',
        write(Asked("a", 1, Tick())) + b"x",
        b" " * (MOST_BYTES + 1),
    ],
)
def test_only_letters_are_read(content: bytes) -> None:
    for read in (read_asked, read_reply):
        with pytest.raises(Unreadable):
            read(content)


@pytest.mark.parametrize(
    "reply", [Answered(CommandDone(CommandResult.ACCEPTED, "ä")), Nobody("x"), Failed("y")]
)
def test_a_reply_is_read_as_it_was_written(reply: Answered | Nobody | Failed) -> None:
    assert read_reply(write(reply)) == reply


def test_a_letter_has_a_largest_size() -> None:
    boot = Boot(vendor="v" * MOST_BYTES, model="m")
    with pytest.raises(ValueError, match=r"Boot of \d+ bytes is no letter: at most 65536"):
        write(Asked("a", 1, boot))
    fits = msgspec.structs.replace(boot, vendor="v" * (MOST_BYTES - 200))
    assert read_asked(write(Asked("a", 1, fits))).letter == fits
