"""The desk's verbs on files: what each node has, what a quota leaves, and pieces that do not fit."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import pytest
from desk_book import done

from elstrada.model.ids import PartyId
from elstrada.model.party import BusinessDetails, Party, Role
from elstrada.roles.desk.face import Desk, Kind, Refusal
from elstrada.roles.desk.firmware import Added
from elstrada.roles.desk.parties import settle_parties
from elstrada.roles.files.addresses import Files
from elstrada.roles.files.folder import Folder
from elstrada.spine import tables as t
from elstrada.spine.face import Put, Work

IMAGE = {"vendor": "V", "model": "M", "version": "1"}


@pytest.fixture
async def here(desk: Desk, tmp_path: Path) -> Desk:
    await settle_parties(
        desk.spine, [Party(PartyId.parse("SE*ELS"), (Role.CPO,), BusinessDetails("E"), "SEK")]
    )
    files = Files(
        folder=Folder(tmp_path / "files", 16 << 20),
        public_url="https://files.example.org",
        node="here",
        shared=False,
        upload_bytes=1 << 20,
        hours=1,
        days=1,
    )
    return msgspec.structs.replace(desk, files=files)


def at(desk: Desk, node: str, *, shared: bool = False) -> Desk:
    assert desk.files is not None
    return msgspec.structs.replace(desk, files=msgspec.structs.replace(desk.files, node=node, shared=shared))


async def refused(desk: Desk, verb: str, /, **values: Any) -> Refusal:
    answer = await done(desk, verb, **values)
    assert isinstance(answer, Refusal), answer
    return answer


async def test_a_file_is_at_the_node_that_took_it_unless_the_folder_is_everybody_s(here: Desk) -> None:
    added = await done(here, "firmware add", file=b"image", **IMAGE)
    assert isinstance(added, Added)
    assert added.firmware is not None
    assert added.firmware.node == "here"
    there = await refused(at(here, "there"), "firmware remove", firmware="V-M-1")
    assert (there.kind, "at node here" in there.says) == (Kind.CONFLICT, True)
    row = {
        "owner": "SE*ELS",
        "transfer_id": "T1",
        "station_id": "CP1",
        "purpose": "LOG",
        "token_hash": b"h",
        "command_id": "C",
        "state": "DONE",
        "file": "0" * 36,
        "node": "here",
        "size": 3,
        "sha256": "",
        "moved": 3,
        "most": 10,
        "tries_left": 1,
        "created_at": here.clock.now(),
        "expires_at": here.clock.now(),
    }
    await here.spine.commit(Work(writes=(Put(t.transfer, row),)))
    there = await refused(at(here, "there"), "station fetch", transfer="T1")
    assert (there.kind, "at node here" in there.says) == (Kind.CONFLICT, True)
    gone = await refused(here, "station fetch", transfer="T1")
    assert (gone.kind, "cannot be read" in gone.says) == (Kind.MISSING, True)
    removed = await done(at(here, "there", shared=True), "firmware remove", firmware="V-M-1")
    assert not isinstance(removed, Refusal)


async def test_pieces_go_on_where_the_last_one_ended_and_nowhere_else(here: Desk) -> None:
    first = await done(here, "firmware add", file=b"abc", more=True, **IMAGE)
    assert isinstance(first, Added)
    upload = first.upload
    for offset in (0, 2, 4):
        wrong = await refused(
            here, "firmware add", file=b"def", upload=upload, offset=offset, more=True, **IMAGE
        )
        assert (wrong.kind, wrong.pointer) == (Kind.USAGE, "/offset")
    for name in ("../../etc/passwd", "x", "0" * 35 + "/"):
        wrong = await refused(here, "firmware add", file=b"def", upload=name, offset=0, **IMAGE)
        assert wrong.kind is Kind.USAGE
    whole = await done(here, "firmware add", file=b"def", upload=upload, offset=3, **IMAGE)
    assert isinstance(whole, Added)
    assert whole.firmware is not None
    assert whole.firmware.size == 6
    assert here.files is not None
    assert here.files.folder.image(whole.firmware.sha256).read_bytes() == b"abcdef"


async def test_beyond_the_quota_no_image_is_taken_and_an_empty_one_never(here: Desk) -> None:
    upload, offset = None, 0
    for _ in range(4):
        piece = await done(
            here, "firmware add", file=b"x" * (4 << 20), upload=upload, offset=offset, more=True, **IMAGE
        )
        assert isinstance(piece, Added)
        upload, offset = piece.upload, offset + (4 << 20)
    full = await refused(here, "firmware add", file=b"x", upload=upload, offset=offset, **IMAGE)
    assert (full.kind, "no room" in full.says) == (Kind.CONFLICT, True)
    empty = await refused(here, "firmware add", file=b"", **IMAGE)
    assert (empty.kind, "empty" in empty.says) == (Kind.INVALID, True)
    large = await refused(here, "firmware add", file=b"x" * ((4 << 20) + 1), **IMAGE)
    assert large.kind is Kind.USAGE
    assert await done(here, "firmware list") == ()
