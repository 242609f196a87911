"""A disk that forgets: what was written and not synced is gone after a power cut.

Files live in memory, each twice: as programs see it, and as the platter holds it.
"""

from __future__ import annotations

import random

import apsw


class _File:
    def __init__(self) -> None:
        self.seen = bytearray()
        self.kept = bytearray()
        self.unsynced: list[tuple[int, bytes]] = []

    def write(self, data: bytes, offset: int) -> None:
        _lay(self.seen, data, offset)
        self.unsynced.append((offset, data))

    def truncate(self, size: int) -> None:
        # Kept at once: a cut that undoes a truncation would only show older, valid content.
        self.sync()
        del self.seen[size:], self.kept[size:]

    def sync(self) -> None:
        for offset, data in self.unsynced:
            _lay(self.kept, data, offset)
        self.unsynced.clear()

    def lose(self, chance: random.Random) -> None:
        """Keep some of what was not synced, as a disk may that reorders its writes."""
        for offset, data in self.unsynced:
            if chance.random() < 0.5:
                _lay(self.kept, data, offset)
        self.unsynced.clear()
        self.seen[:] = self.kept


def _lay(content: bytearray, data: bytes, offset: int) -> None:
    content.extend(bytes(max(0, offset - len(content))))
    content[offset : offset + len(data)] = data


class ForgetfulDisk(apsw.VFS):
    """A file system of its own for SQLite, named ``name``."""

    def __init__(self, name: str) -> None:
        self.files: dict[str, _File] = {}
        self.syncs = 0
        self.name = name
        super().__init__(name, "")

    def cut_power(self, chance: random.Random) -> None:
        for file in self.files.values():
            file.lose(chance)

    def xOpen(self, name, flags):
        path = name.filename() if isinstance(name, apsw.URIFilename) else str(name)
        flags[1] = flags[0]
        return _Handle(self, self.files.setdefault(path, _File()))

    def xDelete(self, filename, syncdir):
        self.files.pop(filename, None)

    def xAccess(self, pathname, flags):
        return pathname in self.files

    def xFullPathname(self, filename):
        return filename


class _Handle:
    def __init__(self, disk: ForgetfulDisk, file: _File) -> None:
        self._disk, self._file = disk, file

    def xRead(self, amount, offset):
        return bytes(self._file.seen[offset : offset + amount])

    def xWrite(self, data, offset):
        self._file.write(bytes(data), offset)

    def xSync(self, flags):
        self._disk.syncs += 1
        self._file.sync()

    def xTruncate(self, size):
        self._file.truncate(size)

    def xFileSize(self):
        return len(self._file.seen)

    def xFileControl(self, op, pointer):
        return False

    def xCheckReservedLock(self):
        return False

    def xLock(self, level):
        pass

    def xUnlock(self, level):
        pass

    def xClose(self):
        pass

    def xSectorSize(self):
        return 4096

    def xDeviceCharacteristics(self):
        return 0
