"""The installation's secrets and what is done with them."""

from __future__ import annotations

import hashlib
import hmac
import json
import os
from pathlib import Path

import msgspec
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from elstrada.model.ids import token_ref
from elstrada.spine import tables as t
from elstrada.spine.face import Put, RowMoved, Spine, Work

_FINGERPRINT = "keys"
"""Name of the setting that says which keys a database was made with."""


class Keys(msgspec.Struct, frozen=True, repr_omit_defaults=True):
    """Three independent 32-byte secrets. Losing them locks every station and peer out."""

    pepper: bytes
    """Keyed hashes of passwords and tokens we only check (machine-made, so a fast hash is right)."""
    pseudonym: bytes
    """Token uid to pseudonym."""
    sealing: bytes
    """AES-256-GCM, for tokens we must send."""

    def __repr__(self) -> str:
        return "Keys(***)"

    def fingerprint(self) -> str:
        """Tells these keys from others, and nothing about them."""
        marks = (
            hmac.new(key, b"fingerprint", hashlib.sha256).digest() for key in msgspec.structs.astuple(self)
        )
        return hashlib.sha256(b"".join(marks)).hexdigest()[:32]

    def station_hash(self, station_id: str, password: bytes) -> bytes:
        """What is stored of a station's password."""
        return self._hash(b"station|" + station_id.encode() + b"|" + password)

    def token_hash(self, token: str) -> bytes:
        """What is stored of a token that a peer must show us."""
        return self._hash(b"peer|" + token.encode())

    def file_hash(self, token: str) -> bytes:
        """What is stored of the secret part of an address where a station fetches or leaves a file."""
        return self._hash(b"file|" + token.encode())

    def ticket_hash(self, text: str) -> str:
        """Shows that we said this text."""
        return self._hash(b"ticket|" + text.encode()).hex()

    def token_ref(self, uid: str) -> str:
        """The pseudonym under which facts know a driver's token."""
        return token_ref(self.pseudonym, uid)

    def seal(self, secret: str, row: str) -> bytes:
        """Encrypt a secret; ``row`` names the record that holds it and is needed to read it again."""
        nonce = os.urandom(12)
        return nonce + AESGCM(self.sealing).encrypt(nonce, secret.encode(), row.encode())

    def unseal(self, sealed: bytes, row: str) -> str:
        """Decrypt what ``seal`` made for the same record.

        Raises:
            cryptography.exceptions.InvalidTag: another key, another record, or tampered with.
        """
        return AESGCM(self.sealing).decrypt(sealed[:12], sealed[12:], row.encode()).decode()

    def _hash(self, content: bytes) -> bytes:
        return hmac.digest(self.pepper, content, hashlib.sha256)


def derived_keys(seed: str) -> Keys:
    """Keys that anyone can make from a seed: for the demo and the simulator only."""
    pepper, pseudonym, sealing = (hashlib.sha256(f"{seed}|{n}".encode()).digest() for n in range(3))
    return Keys(pepper, pseudonym, sealing)


def make_keys(path: Path) -> Keys:
    """Write new keys to a file of mode 0600, durably: what is sealed with them is committed at once.

    Raises:
        FileExistsError: there is a file already, which stays as it is.
        OSError: it cannot be written, and is not there.
    """
    made = Keys(*(os.urandom(32) for _ in Keys.__struct_fields__))
    told = {name: getattr(made, name).hex() for name in Keys.__struct_fields__}
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        try:
            json.dump(told, file)
            file.flush()
            os.fsync(file.fileno())
        except OSError:
            path.unlink()
            raise
    _sync_folder(path.parent)
    return made


def _sync_folder(folder: Path) -> None:
    """Have the name of a new file survive a power cut too."""
    opened = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(opened)
    finally:
        os.close(opened)


def load_keys(path: Path) -> Keys:
    """Read the keys, making them first (mode 0600) if there are none.

    Raises:
        ValueError: the file is not a key file.
    """
    if not path.exists():
        return make_keys(path)
    try:
        stored = json.loads(path.read_text())
        return Keys(*(bytes.fromhex(stored[name]) for name in Keys.__struct_fields__))
    except (KeyError, TypeError, ValueError) as problem:
        raise ValueError(f"{path} is not a key file: restore it from your backup") from problem


async def keys_for(spine: Spine, path: Path) -> Keys:
    """The keys that belong to a database, made where neither has any yet.

    With other keys every station and peer would be refused, and what is sealed could not be read; so a
    node does not start with them.

    Raises:
        ValueError: the file is missing or holds other keys than those the database was made with.
        SpineDown: the store cannot be asked.
    """
    known = await spine.get(t.setting, name=_FINGERPRINT)
    keys = _load_known(path) if known is not None else load_keys(path)
    if known is None:
        row = {"name": _FINGERPRINT, "value": keys.fingerprint()}
        try:
            await spine.commit(Work(writes=(Put(t.setting, row, {}),)))
        except RowMoved:  # Another node was first, with keys of its own perhaps.
            known = await spine.get(t.setting, name=_FINGERPRINT)
    if known is not None and known["value"] != keys.fingerprint():
        raise ValueError(
            f"{path} holds other keys than those this database was made with (fingerprint {known['value']}, here"
            f" {keys.fingerprint()}): use the file of the other nodes, or name another database"
        )
    return keys


def _load_known(path: Path) -> Keys:
    """Read keys that must be there: new ones would be wrong ones."""
    if not path.exists():
        raise ValueError(
            f"{path} is missing: this database has its keys; copy the file from another node or a backup"
        )
    return load_keys(path)
