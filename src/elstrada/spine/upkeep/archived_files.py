"""Archived months in a backup, and back into the archive's folder."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from elstrada.spine.archived.month import ArchiveAway, ArchivedMonth
from elstrada.spine.archived.parquet import sha256_of
from elstrada.spine.archived.shelf import Shelf
from elstrada.spine.upkeep.archive import Archive, ArchivedFile, Packing, sync_folder
from elstrada.spine.upkeep.archiving import only_one
from elstrada.spine.upkeep.database import Broken, Refused


def pack_archived(
    months: Sequence[ArchivedMonth], shelf: Shelf, packing: Packing, *, with_content: bool
) -> tuple[ArchivedFile, ...]:
    """Name the files that the log needs, and write their content.

    Raises:
        Broken: one is missing, or not as it was written; without content nobody looks.
    """
    files = tuple(ArchivedFile(month.file, month.sha256) for month in months)
    for month, file in zip(months, files, strict=True) if with_content else ():
        _pack(month, file, shelf, packing)
    return files


def _pack(month: ArchivedMonth, file: ArchivedFile, shelf: Shelf, packing: Packing) -> None:
    hint = "bring it back, or make a backup --without-archive"
    try:
        path = shelf.path(month)
        packing.put_file(file.member, path, compress=False)
    except (ArchiveAway, OSError) as problem:
        raise Broken(
            f"the archived month {month.of.name} ({file.name}) cannot be read: {problem}; {hint}"
        ) from None
    if packing.members[file.member].sha256 != file.sha256:
        raise Broken(f"the archived month {path} is not what was written: its hash differs; {hint}")


def unpack_archived(archive: Archive, folder: Path | None) -> None:
    """See that every file that the log needs is in the archive's folder, and put there what the backup has.

    Raises:
        CannotOpen, Refused: there is no such folder, or it is not ours.
        Broken: a file is neither in the backup nor in the folder as it was.
    """
    files = archive.manifest.archived
    if not files:
        return
    if folder is None:
        raise Refused(
            f"the backup's log has {len(files)} archived months: set archive.dir to a folder for them"
        )
    with only_one(folder):
        lacking = [file for file in files if not _is_there(file, folder)]
        left_out = [file.name for file in lacking if file.member not in archive.manifest.members]
        if left_out:
            raise Broken(
                f"{len(left_out)} archived months are neither in the backup nor in {folder} as they were:"
                f" {', '.join(left_out[:3])}"
            )
        for file in lacking:
            _unpack(archive, file, folder)


def _is_there(file: ArchivedFile, folder: Path) -> bool:
    path = folder / file.name
    return path.is_file() and sha256_of(path) == file.sha256


def _unpack(archive: Archive, file: ArchivedFile, folder: Path) -> None:
    if Path(file.name).name != file.name:
        raise Broken(f"the backup names an archived month {file.name!r}, which is no name of a file")
    partial = folder / f".{file.name}.partial"
    partial.touch(mode=0o600)
    archive.unpack(file.member, partial)
    if sha256_of(partial) != file.sha256:
        partial.unlink()
        raise Broken(f"{file.name} in the backup is not the file that its log needs: its hash differs")
    with partial.open("rb") as made:
        os.fsync(made.fileno())
    partial.replace(folder / file.name)
    sync_folder(folder)
