"""`elstrada cdr transparency`: the file is written once and whole, or why it is not."""

from __future__ import annotations

import asyncio
import base64
import json
import os
from datetime import UTC, datetime
from pathlib import Path
from xml.etree import ElementTree

import msgspec
import pytest
from click.testing import CliRunner, Result

from elstrada.cli import root
from elstrada.cli.exits import Exit
from elstrada.model.cdr import SignedData, SignedValue
from elstrada.model.facts import CdrIssued
from elstrada.model.ids import PartyId, cdr_stream
from elstrada.model.party import BusinessDetails, Party, Role
from elstrada.spine import tables as t
from elstrada.spine.face import Append, Put, Work
from elstrada.spine.sqlite import SqliteSpine
from elstrada.spine.upcast import decode
from ocmf_scene import payload, reading, record, signer

CPO, EMSP = PartyId("SE", "ELS"), PartyId("SE", "RET")
GOLDEN = Path(__file__).parents[1] / "golden" / "facts" / "CdrIssued.json"
METER = signer("secp256r1")
BEGIN = record(METER, payload("T1", reading("B", "100.00")))
END = record(METER, payload("T2", reading("E", "112.34")))


class Noon:
    def now(self) -> datetime:
        return datetime(2026, 3, 3, 12, tzinfo=UTC)


@pytest.fixture(autouse=True)
def home(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A data directory with one CDR that is signed and one that is not."""
    for name in [name for name in os.environ if name.upper().startswith("ELSTRADA_")]:
        monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("ELSTRADA_DATA_DIR", str(tmp_path / "data"))
    assert CliRunner().invoke(root, ("db", "migrate")).exit_code == 0
    asyncio.run(_fill(tmp_path / "data" / "elstrada.db"))
    return tmp_path


async def _fill(path: Path) -> None:
    fact = decode("CdrIssued", GOLDEN.read_text())
    assert isinstance(fact, CdrIssued)
    values = tuple(
        SignedValue(nature, text, base64.b64encode(text.encode()).decode())
        for nature, text in (("Start", BEGIN), ("End", END))
    )
    data = SignedData("OCMF", values, public_key=base64.b64encode(METER.key.der).decode())
    spine = SqliteSpine(path, Noon())
    await spine.start()
    own = Party(CPO, (Role.CPO,), BusinessDetails("Nord"), "SEK")
    row = {"party": str(CPO), "document": msgspec.json.encode(own).decode()}
    await spine.commit(Work(writes=(Put(t.party, row),)))
    for cdr_id, signed in (("signed", data), ("plain", None)):
        cdr = msgspec.structs.replace(fact.cdr, party=CPO, id=cdr_id, signed_data=signed, token_party=EMSP)
        issued = msgspec.structs.replace(fact, cdr=cdr)
        await spine.commit(Work((Append(cdr_stream(CPO, CPO, cdr_id), 0, (issued,)),)))
    await spine.close()


def run(*arguments: str) -> Result:
    result = CliRunner().invoke(root, ("cdr", "transparency", *arguments))
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result


def signed_in(text: str) -> list[str | None]:
    return [one.text for one in ElementTree.fromstring(text.encode()).iter("signedData")]


def test_the_file_holds_what_was_signed_and_is_never_overwritten(home: Path) -> None:
    told = run("signed", "--to", "values.xml")
    assert told.exit_code == 0, told.output
    assert told.stdout == "values.xml: VERIFIED\n"
    assert signed_in((home / "values.xml").read_text()) == [BEGIN, END]
    again = run("signed", "--to", "values.xml")
    assert (again.exit_code, "cannot be written" in again.stderr) == (Exit.ERROR, True)
    assert run("signed", "--to", "no/such/values.xml").exit_code == Exit.ERROR


def test_without_a_file_it_is_shown_and_as_json_with_what_was_found() -> None:
    assert signed_in(run("signed").stdout) == [BEGIN, END]
    told = json.loads(run("signed", "--json").stdout)
    assert (told["status"], told["energy_kwh"], told["doubt"]) == ("VERIFIED", "12.34", None)


def test_a_cdr_without_signed_values_leaves_no_file(home: Path) -> None:
    told = run("plain", "--to", "values.xml")
    assert (told.exit_code, "carries no signed meter values" in told.stderr) == (Exit.ERROR, True)
    assert not (home / "values.xml").exists()
