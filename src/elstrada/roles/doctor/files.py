"""The files of an installation: there, whole, and nobody else's business."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from elstrada.roles.doctor.case import Case, Finding, fine, problem, warning
from elstrada.roles.keys import load_keys
from elstrada.roles.message_keys import configured_signer
from elstrada.roles.quirks.table import load_quirks
from elstrada.roles.template import load_template

AREA = "files"


def examine_files(case: Case) -> Iterator[Finding]:
    """Data folder, keys, database file."""
    config, folder = case.config, case.config.data_dir
    if not folder.exists():
        yield warning(AREA, f"{folder} does not exist yet", "`elstrada serve` makes it at its first start")
    elif config.database.url is None:
        yield from _owned(folder, case.machine.uid, 0o077, "others can look into it", f"chmod 700 {folder}")
    yield from _keys(case)
    yield from _template(case)
    yield from _quirks(case)
    yield from _message_signing(case)
    if config.database.url is None and config.sqlite_file.exists():
        yield from _owned(
            config.sqlite_file,
            case.machine.uid,
            0o077,
            "others can read card numbers in it",
            f"chmod 600 {config.sqlite_file}",
        )


def _keys(case: Case) -> Iterator[Finding]:
    path = case.config.keys_path
    if case.config.database.url is not None and case.config.keys_file is None:
        yield warning(
            AREA,
            "keys_file is not set, and every node on one database needs the same keys",
            "make them once with `elstrada keys make`, put them on every node and set keys_file",
        )
    if not path.exists():
        yield warning(
            AREA,
            f"there are no keys at {path}",
            "the first start makes them; if stations are known already, bring them back from your backup",
        )
        return
    try:
        load_keys(path)
    except (OSError, ValueError) as trouble:
        yield problem(AREA, f"{trouble}", "without the keys every station and partner is locked out")
        return
    yield from _owned(path, case.machine.uid, 0o077, "others can read the keys", f"chmod 600 {path}")


def _template(case: Case) -> Iterator[Finding]:
    path = case.config.stations.template
    if path is None:
        return
    try:
        load_template(path)
    except (OSError, ValueError) as trouble:
        yield problem(AREA, f"stations.template: {trouble}", "`elstrada serve` does not start with it")


def _message_signing(case: Case) -> Iterator[Finding]:
    told = case.config.stations.message_signing
    if told.key is None:
        return
    try:
        configured_signer(told)
    except (OSError, ValueError) as trouble:
        yield problem(AREA, f"{trouble}", "`elstrada serve` does not start with it")
        return
    uid = case.machine.uid
    yield from _owned(told.key, uid, 0o077, "others can sign as we do", f"chmod 600 {told.key}")


def _quirks(case: Case) -> Iterator[Finding]:
    path = case.config.stations.quirks
    try:
        load_quirks(path)
    except (OSError, ValueError) as trouble:
        yield problem(AREA, f"stations.quirks: {trouble}", "`elstrada serve` does not start with it")


def _owned(path: Path, uid: int, forbidden: int, then: str, do: str) -> Iterator[Finding]:
    told = path.stat()
    mode = told.st_mode & 0o7777
    if told.st_uid not in (uid, 0) and uid != 0:
        yield problem(
            AREA, f"{path} belongs to {_owner(path)}, and this is another user", f"do this as {_owner(path)}"
        )
    elif mode & forbidden & ~_allowed(told):
        yield problem(AREA, f"{path} has mode {mode:o}: {then}", do)
    else:
        yield fine(AREA, f"{path} has mode {mode:o}")


def _allowed(told: os.stat_result) -> int:
    """A mounted secret is root's, and ours to read by our group."""
    return (
        0o040 if told.st_uid == 0 and told.st_gid in (os.getegid(), *os.getgroups()) and os.geteuid() else 0
    )


def _owner(path: Path) -> str:
    try:
        return path.owner()
    except KeyError:
        return f"user {path.stat().st_uid}"
