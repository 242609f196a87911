"""The record of stations' certificates: what was issued and shown, each change with its fact."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from elstrada.model import facts as f
from elstrada.model.ids import PartyId, station_security_stream
from elstrada.model.security import ClientCertificate
from elstrada.net.face import Clock
from elstrada.roles.signing.chain import Signed
from elstrada.spine import tables as t
from elstrada.spine.face import Append, Cell, Delete, Put, Row, RowMoved, Spine, StreamMoved, Work

REPLACED = "came with a replaced certificate"
SEEN_EVERY = timedelta(days=1)
"""So often it is written down that a certificate is still shown."""
_MOST_TRIES = 3
_MOST_CERTIFICATES = 1_000

_Writes = Sequence[Put | Delete]


class Papers:
    """Keeps the certificates and the requests of stations. Each method raises SpineDown if it may not have been done."""

    def __init__(self, spine: Spine, clock: Clock) -> None:
        self._spine, self._clock = spine, clock

    async def asked(self, owner: PartyId, station_id: str, kind: str, csr: str, wire_id: int | None) -> None:
        """Write down what is to be signed, before the station is told that it will be.

        What was signed of the same request is kept: a station that waits too long asks again (A02.FR.17).
        """
        key = _key(owner, station_id, kind=kind)
        row = await self._spine.get(t.certificate_request, **key)
        kept: dict[str, Cell] = {"chain": None, "fingerprint": None, "asked_at": self._clock.now()}
        if row is not None and row["csr"] == csr:
            kept = {name: row[name] for name in kept}
        put = Put(t.certificate_request, {**key, **kept, "csr": csr, "wire_id": wire_id, "attempts": 0})
        await self._spine.commit(Work(writes=(put,)))

    async def open(self, owner: PartyId, station_id: str) -> list[Row]:
        """What a station waits for."""
        return list(await self._spine.find(t.certificate_request, _key(owner, station_id), limit=10))

    async def issued(self, row: Row, signed: Signed) -> Row | None:
        """An authority signed a request; None if the station has asked anew meanwhile."""
        owner, station_id = PartyId.parse(str(row["owner"])), str(row["station_id"])
        changed = {**_request_key(row), "chain": signed.chain, "fingerprint": signed.fingerprint}
        record = {
            **_key(owner, station_id, fingerprint=signed.fingerprint),
            "serial": signed.serial,
            "issuer": signed.issuer,
            "begins_at": signed.begins_at,
            "ends_at": signed.ends_at,
            "issued_at": self._clock.now(),
            "kind": row["kind"],
        }
        fact = f.StationCertificateIssued(
            fingerprint=signed.fingerprint,
            serial=signed.serial,
            issuer=signed.issuer,
            begins_at=signed.begins_at,
            ends_at=signed.ends_at,
            kind=str(row["kind"]),
        )
        writes = (Put(t.certificate_request, changed, _as_read(row)), Put(t.station_certificate, record))
        return {**row, **changed} if await self._done(owner, station_id, fact, writes) else None

    async def taken(self, row: Row) -> None:
        """The station accepted what it was sent."""
        fingerprint = str(row["fingerprint"])
        key = {"owner": row["owner"], "station_id": row["station_id"], "fingerprint": fingerprint}
        put = Put(t.station_certificate, {**key, "taken_at": self._clock.now()})
        await self._closed(row, f.StationCertificateTaken(fingerprint), put)

    async def refused(self, row: Row, detail: str) -> None:
        """A request comes to nothing."""
        await self._closed(row, f.StationCertificateRefused(detail[:250], str(row["fingerprint"] or "")))

    async def tried(self, row: Row) -> None:
        """It did not work this time."""
        attempts = row["attempts"]
        assert isinstance(attempts, int)
        put = Put(t.certificate_request, {**_request_key(row), "attempts": attempts + 1}, _as_read(row))
        try:
            await self._spine.commit(Work(writes=(put,)))
        except RowMoved:
            return  # It has asked anew.

    async def seen(self, owner: PartyId, station_id: str, shown: ClientCertificate) -> str | None:
        """A station came with a certificate.

        Returns:
            The serial of one that it came with for the first time later than with this; None if there is none.
        """
        rows = await self._spine.find(
            t.station_certificate, _key(owner, station_id), limit=_MOST_CERTIFICATES
        )
        known = next((row for row in rows if row["fingerprint"] == shown.fingerprint), None)
        await self._note_seen(owner, station_id, shown, known)
        first = known["first_seen_at"] if known is not None else None
        if not isinstance(first, datetime):
            return None
        later = [
            row for row in rows if isinstance(row["first_seen_at"], datetime) and row["first_seen_at"] > first
        ]
        return str(later[0]["serial"]) if later else None

    async def _note_seen(
        self, owner: PartyId, station_id: str, shown: ClientCertificate, known: Row | None
    ) -> None:
        now = self._clock.now()
        key = _key(owner, station_id, fingerprint=shown.fingerprint)
        last, first = (known["last_seen_at"], known["first_seen_at"]) if known is not None else (None, None)
        if isinstance(last, datetime) and now - last < SEEN_EVERY:
            return
        if first is not None:
            await self._spine.commit(Work(writes=(Put(t.station_certificate, {**key, "last_seen_at": now}),)))
            return
        record: Row = {
            **key,
            "serial": shown.serial,
            "issuer": shown.issuer,
            "begins_at": shown.begins_at,
            "ends_at": shown.ends_at,
            "first_seen_at": now,
            "last_seen_at": now,
        }
        fact = f.StationCertificateUsed(shown.fingerprint, shown.serial, shown.ends_at)
        expected: Row = {} if known is None else {"first_seen_at": None}
        await self._done(owner, station_id, fact, (Put(t.station_certificate, record, expected),))

    async def _closed(
        self, row: Row, fact: f.StationCertificateTaken | f.StationCertificateRefused, *also: Put
    ) -> None:
        delete = Delete(t.certificate_request, _request_key(row), _as_read(row))
        await self._done(PartyId.parse(str(row["owner"])), str(row["station_id"]), fact, (delete, *also))

    async def _done(self, owner: PartyId, station_id: str, fact: f.Fact, writes: _Writes) -> bool:
        """Commit a fact with its writes; False if a record is no more as it was read."""
        stream = station_security_stream(owner, station_id)
        for left in reversed(range(_MOST_TRIES)):
            version = await self._spine.version(stream)
            try:
                await self._spine.commit(
                    Work(appends=(Append(stream, version, (fact,)),), writes=tuple(writes))
                )
            except RowMoved:
                return False
            except StreamMoved:
                if not left:
                    raise
            else:
                return True
        raise AssertionError("the last try returns or raises")


def _key(owner: PartyId, station_id: str, **more: str) -> dict[str, Cell]:
    return {"owner": str(owner), "station_id": station_id, **more}


def _request_key(row: Row) -> dict[str, Cell]:
    return {name: row[name] for name in ("owner", "station_id", "kind")}


def _as_read(row: Row) -> dict[str, Cell]:
    return {name: row[name] for name in ("csr", "wire_id")}
