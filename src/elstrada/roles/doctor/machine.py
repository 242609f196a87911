"""The machine: what runs us, what we may use of it, and whether it is ours to use."""

from __future__ import annotations

import os
import shutil
import sqlite3
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from elstrada.roles.doctor.case import Case, Finding, Machine, fine, problem, warning
from elstrada.roles.open_files import may_have, needed

_OLDEST_PYTHON, _OLDEST_SQLITE, _MENDED_SQLITE = (3, 11), (3, 38, 0), (3, 51, 3)
_SCARCE, _TIGHT_BYTES, _NOTHING_BYTES = 0.15, 2 << 30, 256 << 20
_ELSEWHERE = ("nfs", "nfs4", "cifs", "smb3", "smbfs", "9p", "ceph", "glusterfs", "fuse.sshfs")
_SOME_ZONES = ("UTC", "Europe/Stockholm", "Europe/Rome")


def this_machine() -> Machine:
    """What we were given."""
    info = sys.version_info
    return Machine(
        python=(info.major, info.minor, info.micro),
        sqlite=sqlite3.sqlite_version_info,
        uid=os.geteuid(),
        open_files=may_have(),
        now=datetime.now(UTC),
    )


def examine_versions(case: Case) -> Iterator[Finding]:
    """Python, SQLite (decision 8 of the reference), time zone data."""
    machine = case.machine
    if machine.python < _OLDEST_PYTHON:
        yield problem(
            "python",
            f"it is {_dotted(machine.python)}, and 3.11 is the oldest that will do",
            "install a newer one",
        )
    else:
        yield fine("python", f"it is {_dotted(machine.python)}")
    yield _sqlite(machine.sqlite)
    yield from _zones(case.config.http.zone)


def _sqlite(found: tuple[int, int, int]) -> Finding:
    if found < _OLDEST_SQLITE:
        return problem(
            "sqlite", f"it is {_dotted(found)}, and 3.38 is the oldest that will do", "use a newer Python"
        )
    if found < _MENDED_SQLITE:
        return fine(
            "sqlite",
            f"it is {_dotted(found)}; versions before 3.51.3 can spoil a database that two programs write to,"
            " and only the server writes: never open the file with another one",
        )
    return fine("sqlite", f"it is {_dotted(found)}")


def _zones(configured: str) -> Iterator[Finding]:
    for name in dict.fromkeys((*_SOME_ZONES, configured)):
        try:
            ZoneInfo(name)
        except (ZoneInfoNotFoundError, ValueError):
            yield problem(
                "time zones", f"there is no {name}, so tariffs cannot be read", "install the package tzdata"
            )
            return
    try:
        yield fine("time zones", f"the package tzdata is of {version('tzdata')}")
    except PackageNotFoundError:
        yield warning("time zones", "they are the system's, and may be old", "install the package tzdata")


def examine_disk(case: Case) -> Iterator[Finding]:
    """Is there room (F6), and is it a disk of this machine?"""
    folder = _nearest(case.config.data_dir)
    usage = shutil.disk_usage(folder)
    told = f"{usage.free >> 20} MiB of {usage.total >> 20} are free under {folder}"
    if usage.free < _NOTHING_BYTES:
        yield problem("disk", told, "make room: a full disk refuses every station")
    elif usage.free < _TIGHT_BYTES or usage.free < usage.total * _SCARCE:
        yield warning("disk", told, "make room before the last of it is gone")
    else:
        yield fine("disk", told)
    kind = _file_system(folder)
    if case.config.database.url is None and kind in _ELSEWHERE:
        yield problem(
            "disk", f"{folder} is on {kind}, where SQLite's locks do not hold", "use a disk of this machine"
        )


def _nearest(folder: Path) -> Path:
    return next(path for path in (folder.absolute(), *folder.absolute().parents) if path.exists())


def _file_system(folder: Path) -> str:
    """What kind it is; empty where the system does not say."""
    try:
        lines = Path("/proc/self/mounts").read_text().splitlines()
    except OSError:
        return ""
    mounts = [line.split()[1:3] for line in lines]
    holding = [(where, kind) for where, kind in mounts if folder.resolve().is_relative_to(where)]
    return max(holding, key=lambda mount: len(mount[0]), default=("", ""))[1]


def examine_open_files(case: Case, stations: int) -> Iterator[Finding]:
    """A socket is an open file, and every station has one."""
    told = f"a server may open {case.machine.open_files} files, and there are {stations} stations"
    if case.machine.open_files < needed(stations):
        yield problem(
            "open files",
            told,
            f"raise the hard limit to at least {needed(stations)} (LimitNOFILE, ulimit -Hn)",
        )
    else:
        yield fine("open files", told)


def _dotted(numbers: tuple[int, ...]) -> str:
    return ".".join(map(str, numbers))
