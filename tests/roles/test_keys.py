"""Keys belong to a database: a node with others does not start, for it would lock everybody out."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from elstrada.net.clock import SystemClock
from elstrada.roles.keys import derived_keys, keys_for, load_keys, make_keys
from elstrada.roles.nameplate import name_of_node
from elstrada.spine import tables as t
from elstrada.spine.memory import MemorySpine, MemoryStore


def spine_on(store: MemoryStore) -> MemorySpine:
    return MemorySpine(SystemClock(), store)


async def test_the_first_node_makes_them_and_others_need_the_same(tmp_path: Path) -> None:
    spine = spine_on(MemoryStore())
    made = await keys_for(spine, tmp_path / "keys.json")
    assert await keys_for(spine, tmp_path / "keys.json") == made
    (tmp_path / "copy.json").write_bytes((tmp_path / "keys.json").read_bytes())
    assert await keys_for(spine, tmp_path / "copy.json") == made


async def test_other_keys_are_refused_and_so_are_missing_ones(tmp_path: Path) -> None:
    spine = spine_on(MemoryStore())
    made = await keys_for(spine, tmp_path / "keys.json")
    other = load_keys(tmp_path / "other.json")
    with pytest.raises(ValueError, match=r"other\.json holds other keys") as refusal:
        await keys_for(spine, tmp_path / "other.json")
    for secret in (made.pepper, made.sealing, made.pseudonym, other.pepper, other.sealing, other.pseudonym):
        assert secret.hex() not in str(refusal.value)
    with pytest.raises(ValueError, match="is missing: this database has its keys"):
        await keys_for(spine, tmp_path / "none.json")
    assert not (tmp_path / "none.json").exists()


def test_a_fingerprint_tells_any_of_the_three_keys_apart_and_reveals_none() -> None:
    one, two = derived_keys("1"), derived_keys("2")
    assert one.fingerprint() != two.fingerprint()
    for name in ("pepper", "pseudonym", "sealing"):
        mixed = {
            **{key: getattr(one, key) for key in ("pepper", "pseudonym", "sealing")},
            name: getattr(two, name),
        }
        assert type(one)(**mixed).fingerprint() != one.fingerprint()
        assert getattr(one, name).hex() not in one.fingerprint()


async def test_what_is_kept_of_them_is_one_setting(tmp_path: Path) -> None:
    spine = spine_on(MemoryStore())
    made = await keys_for(spine, tmp_path / "keys.json")
    assert [dict(row) for row in await spine.find(t.setting)] == [
        {"name": "keys", "value": made.fingerprint()}
    ]


def test_a_node_keeps_the_name_it_was_given_or_made(tmp_path: Path) -> None:
    made = name_of_node(None, tmp_path)
    assert name_of_node(None, tmp_path) == made
    assert name_of_node("gate-1", tmp_path) == "gate-1"
    (tmp_path / "node").write_text("no name\x00\n")
    with pytest.raises(ValueError, match="holds no name of a node"):
        name_of_node(None, tmp_path)


def test_made_keys_are_the_makers_alone_and_are_never_written_over(tmp_path: Path) -> None:
    """T15."""
    path = tmp_path / "keys.json"
    old = os.umask(0)
    try:
        made = make_keys(path)
    finally:
        os.umask(old)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert load_keys(path) == made
    before = path.read_bytes()
    with pytest.raises(FileExistsError):
        make_keys(path)
    assert path.read_bytes() == before
    assert make_keys(tmp_path / "other.json").fingerprint() != made.fingerprint()
