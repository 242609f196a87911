"""The pool of a laboratory: answers in files."""

from __future__ import annotations

import base64
from pathlib import Path

import pytest

from contracts import prepared_name
from elstrada.model.certificates import ContractWish
from elstrada.roles.contracts.pool import MOST_EXI_BYTES, NoContract
from elstrada.roles.contracts.prepared import PreparedPool

EXI = b"\x80\x98a wish"


def wish(exi: str = base64.b64encode(EXI).decode()) -> ContractWish:
    return ContractWish(exi=exi, schema_version="urn:iso:15118:2:2013:MsgDef")


async def test_a_car_gets_what_was_prepared_for_its_message(tmp_path: Path) -> None:
    pool = PreparedPool(tmp_path)
    with pytest.raises(NoContract, match=prepared_name(EXI)):
        await pool.fetch(wish())
    (tmp_path / prepared_name(EXI)).write_bytes(b"\x80\x98an answer")
    fetched = await pool.fetch(wish())
    assert (base64.b64decode(fetched.exi), fetched.remaining) == (b"\x80\x98an answer", None)


@pytest.mark.parametrize("exi", ["", "?", "../../etc/passwd", "\ud800"])
async def test_what_is_no_message_finds_no_file(tmp_path: Path, exi: str) -> None:
    with pytest.raises(NoContract, match=r"the car's message"):
        await PreparedPool(tmp_path).fetch(wish(exi))


@pytest.mark.parametrize("content", [b"", bytes(MOST_EXI_BYTES + 1)])
async def test_a_file_that_is_no_message_is_not_given(tmp_path: Path, content: bytes) -> None:
    (tmp_path / prepared_name(EXI)).write_bytes(content)
    with pytest.raises(NoContract, match="bytes"):
        await PreparedPool(tmp_path).fetch(wish())
