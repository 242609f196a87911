"""The stations' file door: is there a folder, is there room, and can a station reach what it is told?"""

from __future__ import annotations

import os
from collections.abc import Iterator
from urllib.parse import urlsplit

from elstrada.model.node import Part
from elstrada.roles.doctor.case import Case, Finding, fine, problem, warning
from elstrada.roles.doctor.settings import is_loopback

AREA = "file door"
_MIB = 1 << 20


def examine_file_door(case: Case) -> Iterator[Finding]:
    """Of a node where stations fetch firmware and leave logs."""
    config = case.config
    if not config.has_file_door:
        if config.files.port is not None and Part.PAGES not in config.parts:
            yield fine(AREA, "files.port is set, and this node has not the role pages: its door is elsewhere")
        return
    yield from _folder(case)
    yield from _address(case)
    if config.database.url is not None and not config.files.shared:
        yield warning(
            AREA,
            "files.shared is not set: a file is only at the node with the role pages that took it",
            "have one such node, or one folder for all of them, and set files.shared",
        )


def _folder(case: Case) -> Iterator[Finding]:
    folder, files, machine = case.config.files_dir, case.config.files, case.machine
    if not folder.exists():
        yield warning(AREA, f"{folder} does not exist yet", "`elstrada serve` makes it at its first start")
        return
    told = folder.stat()
    mode = told.st_mode & 0o7777
    if not folder.is_dir() or (told.st_uid != machine.uid and machine.uid != 0):
        yield problem(AREA, f"{folder} is not a folder of this user", "chown it, or set files.dir")
        return
    if mode & 0o077:
        yield problem(
            AREA, f"{folder} has mode {mode:o}: others can read stations' logs", f"chmod 700 {folder}"
        )
    free = os.statvfs(folder)
    left = free.f_bavail * free.f_frsize // _MIB
    if left < files.upload_megabytes:
        yield problem(
            AREA,
            f"{folder} has room for {left} MiB, and one log may have {files.upload_megabytes}",
            "make room, or lower files.upload_megabytes",
        )
    elif not mode & 0o077:
        yield fine(AREA, f"{folder} has mode {mode:o} and room for {left} MiB")


def _address(case: Case) -> Iterator[Finding]:
    files = case.config.files
    if files.public_url is None:
        if is_loopback(files.host):
            yield warning(
                AREA,
                f"files.host is {files.host} and files.public_url is not set: no station can reach the door",
                "set files.public_url to what stations reach it by",
            )
        else:
            yield warning(
                AREA,
                f"files.public_url is not set: stations are told {files.host}",
                "set it to what they reach the door by",
            )
        return
    parts = urlsplit(files.public_url)
    if parts.scheme == "http":
        yield warning(
            AREA,
            "files.public_url is plain http: firmware and logs travel readable (L01.FR.08)",
            "set files.tls, or put a proxy with TLS in front",
        )
    elif is_loopback(parts.hostname or ""):
        yield problem(AREA, f"files.public_url is {files.public_url}: that is this machine to nobody else")
    else:
        yield fine(AREA, f"stations are told {files.public_url}")
