"""The inbox at the desk: lists by check and issuer, decisions, evidence, and what is agreed of a partner's CDRs."""

from __future__ import annotations

import base64
import hashlib
import io
import json
import zipfile
from decimal import Decimal
from pathlib import Path
from typing import Any, cast

import msgspec
import pytest
from desk_book import done

from cdr_scene import ALL, CARD, CDR, CPO, NOW, OWNER, bill, changed, receive, run, spine_with
from elstrada.cli.evidence import write, zipped
from elstrada.model.cdr import Cdr
from elstrada.model.cost import Price
from elstrada.model.party import BusinessDetails, Party, PartyRole, Peer, PeerState, Role
from elstrada.net.chance import SeededChance
from elstrada.roles.desk.cdr_evidence import Evidence, masked
from elstrada.roles.desk.cdr_files import CheckedCdr
from elstrada.roles.desk.face import Desk, Kind, Refusal
from elstrada.roles.keys import derived_keys
from elstrada.roles.roaming.rows import token_row
from elstrada.spine import tables as t
from elstrada.spine.face import Put, Work
from elstrada.spine.memory import MemorySpine

DEAR = changed(total_cost=Price(Decimal(99)))
WRONG = changed(id="c2", session_id="s2", total_energy=Decimal(11))
US = Party(OWNER, (Role.EMSP,), BusinessDetails("Retail"), "SEK")


class Noon:
    def now(self) -> Any:
        return NOW


def text(value: msgspec.Struct) -> str:
    return msgspec.json.encode(value).decode()


async def desk_with(*cdrs: Cdr) -> Desk:
    peer = Peer(
        owner=OWNER,
        id="els",
        state=PeerState.ACTIVE,
        roles=(PartyRole(CPO, Role.CPO, BusinessDetails("Nord")),),
        changed_at=NOW,
    )
    row = {
        "owner": str(OWNER),
        "peer_id": "els",
        "state": "ACTIVE",
        "document": text(peer),
        "changed_at": NOW,
    }
    us = Put(t.party, {"party": str(OWNER), "document": text(US)})
    spine = await spine_with(*ALL, us, Put(t.peer, row))
    await receive(spine, *cdrs)
    await bill(spine)
    return Desk(spine=spine, keys=derived_keys("inbox"), clock=Noon(), chance=SeededChance("inbox"))


def refused(answer: object, kind: Kind, says: str) -> None:
    assert isinstance(answer, Refusal), answer
    assert (answer.kind, says in answer.says) == (kind, True), answer


@pytest.mark.parametrize(
    ("filters", "ids"),
    [
        ({}, ["c1", "c2"]),
        ({"state": "held"}, ["c1"]),
        ({"state": "REJECTED"}, ["c2"]),
        ({"check": "V20"}, ["c1"]),
        ({"check": "V14"}, ["c2"]),
        ({"check": "V14", "state": "HELD"}, []),
        ({"issuer": "SE*ELS"}, ["c1", "c2"]),
        ({"issuer": "SE*ELS", "check": "V20", "state": "HELD"}, ["c1"]),
        ({"issuer": "DE*XYZ"}, []),
        ({"until": "2026-03-03T12:00:00Z"}, []),
    ],
)
def test_the_inbox_is_narrowed_by_state_check_and_issuer(filters: dict[str, str], ids: list[str]) -> None:
    async def scene() -> None:
        desk = await desk_with(DEAR, WRONG)
        found: Any = await done(desk, "cdr list", **filters)
        assert sorted(line.cdr_id for line in found) == ids

    run(scene())


def test_findings_are_counted_by_check_and_issuer() -> None:
    async def scene() -> None:
        desk = await desk_with(DEAR, changed(id="c3", session_id="s3", total_cost=Price(Decimal(98))), WRONG)
        counts: Any = await done(desk, "cdr findings")
        told = {(one.issuer, one.check, one.state): one.cdrs for one in counts}
        assert told[str(CPO), "V20", "HELD"] == 2
        assert told[str(CPO), "V14", "REJECTED"] == 1

    run(scene())


def test_a_decision_needs_a_reason_and_is_told_with_it() -> None:
    async def scene() -> None:
        desk = await desk_with(DEAR)
        assert isinstance(await done(desk, "cdr accept", cdr="c1"), Refusal)
        assert isinstance(await done(desk, "cdr accept", cdr="c1", reason=""), Refusal)
        line: Any = await done(
            desk, "cdr dispute", cdr="c1", reason="99 for 10 kWh", by="Anna", check=["V20"]
        )
        assert line.state == "DISPUTED"
        refused(await done(desk, "cdr dispute", cdr="c1", reason="again"), Kind.CONFLICT, "DISPUTED already")
        line = await done(desk, "cdr accept", cdr="c1", reason="they are right")
        assert line.state == "ACCEPTED"
        refused(await done(desk, "cdr reject", cdr="c1", reason="no"), Kind.CONFLICT, "on a bill")
        card: Any = await done(desk, "cdr show", cdr="c1")
        told = [(event.what, event.by) for event in card.history]
        assert told == [
            ("RECEIVED", ""),
            ("DID NOT PASS", ""),
            ("DISPUTED", "Anna"),
            ("ACCEPTED", "operator"),
        ]
        assert card.history[2].says == ("99 for 10 kWh", "V20")

    run(scene())


def test_what_refuses_a_cdr_no_decision_overrides() -> None:
    async def scene() -> None:
        desk = await desk_with(WRONG)
        refused(await done(desk, "cdr accept", cdr="c2", reason="yes"), Kind.CONFLICT, "V14 R")

    run(scene())


def test_a_card_tells_differences_by_dimension_and_what_was_not_examined() -> None:
    async def scene() -> None:
        desk = await desk_with(DEAR)
        card: Any = await done(desk, "cdr show", cdr="c1")
        total = card.differences[-1]
        assert (total.dimension, total.asked, total.given) == ("total", Decimal(99), Decimal(40))
        assert "V38 no signed data" in card.unexamined

    run(scene())


async def pack_of(desk: Desk) -> Evidence:
    pack = await done(desk, "cdr evidence", cdr="c1")
    assert isinstance(pack, Evidence), pack
    return pack


def test_the_same_records_make_the_same_pack_and_no_secret_is_in_it(tmp_path: Path) -> None:
    async def scene() -> None:
        packs: list[Evidence] = []
        for _ in range(2):
            desk = await desk_with(DEAR)
            body = b'{"id":"c1","cdr_token":{"uid":"04A1B2C3D4E5F6"},"total_energy":10.0}'
            content = {"hash": "a", "body": body, "recorded_at": NOW}
            await desk.spine.commit(Work(writes=(Put(t.document, content),)))
            packs.append(await pack_of(desk))
        assert zipped(packs[0]) == zipped(packs[1])
        names = {piece.name: piece.content for piece in packs[0].files}
        assert set(names) == {
            *("agreed.json", "card.json", "cdr.json", "price.json"),
            *("received.json", "tariffs.json", "token.json"),
        }
        assert '"***E5F6"' in names["received.json"]
        assert "10.0" in names["received.json"], "figures stand as they came"
        assert not [name for name, content in names.items() if "04A1B2C3D4E5F6" in content]
        assert CARD.uid not in names["token.json"]
        write(packs[0], zipped(packs[0]), tmp_path / "c1.zip")
        write(packs[0], zipped(packs[0]), tmp_path / "c1")
        with zipfile.ZipFile(io.BytesIO((tmp_path / "c1.zip").read_bytes())) as archive:
            for name in archive.namelist():
                assert archive.read(name) == (tmp_path / "c1" / name).read_bytes()
        digest = hashlib.sha256((tmp_path / "c1.zip").read_bytes()).hexdigest()
        assert digest == hashlib.sha256(zipped(packs[1])).hexdigest()
        for place in ("c1.zip", "c1"):
            with pytest.raises(FileExistsError):
                write(packs[0], b"", tmp_path / place)

    run(scene())


@pytest.mark.parametrize(
    ("body", "shown"),
    [
        (b'{"auth_id":"04A1B2C3D4E5F6"}', '{"auth_id":"***E5F6"}'),  # OCPI 2.1.1.
        (b'{"cdr_token":{"uid":"04A1"}}', '{"cdr_token":{"uid":"***"}}'),
        (b'{"cdr_token":{"uid":"\\u0030"}}', None),
        (b'{"id":"c1"}', '{"id":"c1"}'),
    ],
)
def test_a_uid_that_cannot_be_masked_is_not_shown(body: bytes, shown: str | None) -> None:
    assert masked(body) == shown


def test_what_is_agreed_of_a_partner_s_cdrs_is_shown_beside_its_default() -> None:
    async def scene() -> None:
        desk = await desk_with()
        changes = {
            "threshold": ["price_percent=60", "late_days=30", "epoch_dates=true"],
            "severity": ["V14=W"],
        }
        agreed: Any = await done(desk, "agreement check", partner="els", **changes)
        told = {one.name: (one.agreed, one.default) for one in (*agreed.thresholds, *agreed.severities)}
        assert told["price_percent"] == ("60", "1")
        assert told["late_days"] == ("30", "90")
        assert told["epoch_dates"] == ("true", "false")
        assert told["V14"] == ("W", "R")
        assert told["V06"] == ("RH", "RH")
        await receive(await _spine(desk), changed(total_cost=Price(Decimal(60))), WRONG)
        await bill(await _spine(desk))
        lines: Any = await done(desk, "cdr list", state="ACCEPTED")
        assert "c1" in [line.cdr_id for line in lines]
        await done(desk, "agreement check", partner="els", threshold=["price_percent=default"])
        again: Any = await done(desk, "agreement checks", partner="els")
        told = {one.name: one.agreed for one in (*again.thresholds, *again.severities)}
        assert (told["price_percent"], told["late_days"], told["V14"]) == ("1", "30", "W")

    run(scene())


async def _spine(desk: Desk) -> MemorySpine:
    assert isinstance(desk.spine, MemorySpine)
    return desk.spine


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({}, "expected a --threshold or a --severity"),
        ({"threshold": ["speed=3"]}, "no threshold: 'speed'"),
        ({"threshold": ["late_days=soon"]}, "late_days"),
        ({"threshold": ["late_days=-1"]}, "expected 0 to"),
        ({"threshold": ["missing_days=36501"]}, "missing_days: expected 0 to 36500"),
        ({"threshold": ["price_amount=NaN"]}, "expected 0 to"),
        ({"threshold": ["currency=kr"]}, "no currency of ISO 4217"),
        ({"severity": ["V53=W"]}, "no check: 'V53'"),
        ({"severity": ["V20=OFF"]}, "no severity: 'OFF'"),
        ({"severity": ["V41=W"]}, "nothing else can be agreed"),
    ],
)
def test_what_cannot_be_agreed_is_refused(changes: dict[str, object], says: str) -> None:
    async def scene() -> None:
        refused(await done(await desk_with(), "agreement check", partner="els", **changes), Kind.USAGE, says)

    run(scene())


WIRE: dict[str, Any] = {
    "country_code": "SE",
    "party_id": "ELS",
    "id": "C9",
    "start_date_time": "2026-02-03T10:00:00Z",
    "end_date_time": "2026-02-03T11:00:00Z",
    "session_id": "S9",
    "cdr_token": {
        "country_code": "SE",
        "party_id": "RET",
        "uid": "04A1",
        "type": "RFID",
        "contract_id": "SERETC00000017",
    },
    "auth_method": "WHITELIST",
    "cdr_location": {
        "id": "L9",
        "address": "Storgatan 9",
        "city": "Luleå",
        "country": "SWE",
        "coordinates": {"latitude": "65.584816", "longitude": "22.156704"},
        "evse_uid": "E9",
        "evse_id": "SE*ELS*E9",
        "connector_id": "1",
        "connector_standard": "IEC_62196_T2",
        "connector_format": "SOCKET",
        "connector_power_type": "AC_3_PHASE",
    },
    "currency": "SEK",
    "charging_periods": [
        {"start_date_time": "2026-02-03T10:00:00Z", "dimensions": [{"type": "ENERGY", "volume": 25.0}]}
    ],
    "total_cost": {"before_taxes": 0, "taxes": []},
    "total_energy": 25.0,
    "total_time": 1.0,
    "last_updated": "2026-02-03T11:00:05Z",
}


@pytest.mark.parametrize(
    ("changes", "finding"),
    [
        ({}, ""),
        ({"total_energy": 26.0}, "V14 R"),
        ({"id": "C" * 37}, "V51 R: id has 37"),
        ({"auth_method": "GUESS"}, "V51 R: /auth_method"),
        ({"currency": "kr"}, "V24 R"),
        ({"cdr_token": {**WIRE["cdr_token"], "uid": "FFFF"}}, "V29 R"),
    ],
)
def test_a_file_is_examined_as_if_it_came_and_nothing_is_stored(
    changes: dict[str, Any], finding: str
) -> None:
    async def scene() -> None:
        desk = await desk_with()
        token = Put(t.token, token_row(OWNER, CARD, desk.keys.token_ref(CARD.uid)))
        await desk.spine.commit(Work(writes=(token,)))
        content = base64.b64encode(json.dumps([WIRE | changes]).encode()).decode()
        (checked,) = cast("tuple[CheckedCdr, ...]", await done(desk, "cdr check", file=content))
        assert checked.row == 1
        if finding:
            assert [text for text in checked.findings if text.startswith(finding)], checked
        else:
            assert checked.findings == ()
        assert await desk.spine.find(t.cdr) == []

    run(scene())


def test_our_own_cdr_has_no_card() -> None:
    async def scene() -> None:
        desk = await desk_with(CDR)
        refused(await done(desk, "cdr show", cdr="c9"), Kind.MISSING, "there is no CDR")

    run(scene())
