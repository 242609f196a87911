"""The command line: exit codes, JSON documents, and words for what is wrong."""

from __future__ import annotations

import asyncio
import json
import os
import re
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from elstrada.cli import root
from elstrada.cli.exits import MEANINGS, Exit
from elstrada.model.answers import CommandDone
from elstrada.model.asks import Command
from elstrada.model.device import CommandName, CommandResult
from elstrada.model.facts import StationConnected
from elstrada.model.http import HttpRequest
from elstrada.model.ids import PartyId, station_address, station_stream
from elstrada.net.chance import SystemChance
from elstrada.net.clock import SystemClock
from elstrada.roles.desk.commands import Plain
from elstrada.roles.desk.face import Desk
from elstrada.roles.desk.http import DeskHandler
from elstrada.roles.desk.nouns import NOUNS
from elstrada.roles.desk.server_file import ServerFile, announce
from elstrada.roles.desk.table import verbs_of
from elstrada.roles.keys import derived_keys
from elstrada.spine.face import Append, Work
from elstrada.spine.memory import MemorySpine
from elstrada.spine.post import Letter, LocalPost

SECRET = "k" * 43
TARIFF = {"id": "T1", "currency": "SEK", "elements": []}


@pytest.fixture(autouse=True)
def home(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A data directory of the test's own, and no settings from outside."""
    for name in [name for name in os.environ if name.upper().startswith("ELSTRADA_")]:
        monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("ELSTRADA_DATA_DIR", str(tmp_path / "data"))
    return tmp_path / "data"


def run(*arguments: str, stdin: bytes | None = None) -> Result:
    result = CliRunner().invoke(root, arguments, input=stdin)
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result


def told(*arguments: str) -> Any:
    result = run(*arguments, "--json")
    assert result.exit_code == 0, result.stderr
    return json.loads(result.stdout)


@pytest.fixture
def stocked() -> None:
    told("party", "put", "SE*ELS", "--roles", "CPO", "--name", "Elstrada Nord", "--currency", "SEK")
    told("party", "put", "SE*RET", "--roles", "emsp", "--name", "Retail AB", "--currency", "SEK")


def test_help_names_every_command_and_every_verb_without_a_store(home: Path) -> None:
    listed = run("--help").stdout
    for noun in NOUNS:
        assert noun in listed
        verbs = run(noun, "--help").stdout
        for verb in verbs_of(noun):
            assert verb.name.split()[1] in verbs
            told_of = run(*verb.name.split(), "--help").stdout
            assert "--json" in told_of
    assert not home.exists()


def test_the_issues_commands_exist() -> None:
    """The names are promised; scripts rely on them."""
    names = {verb.name for noun in NOUNS for verb in verbs_of(noun)}
    promised = (
        "station add, station list, station command, station call, station adopt, partner add, partner handshake, "
        "partner list, token add, tariff put, cdr list, cdr explain, bill export, import irve, import ocpi"
    )
    assert set(promised.split(", ")) <= names


@pytest.mark.usefixtures("stocked")
def test_documents_have_stable_fields() -> None:
    new = told("station", "add", "S1")
    assert list(new) == ["party", "station", "password"]
    (line,) = told("station", "list")
    assert list(line) == (
        [
            "party",
            "station",
            "connected",
            "protocol",
            "vendor",
            "model",
            "firmware",
            "seen_at",
            "places",
            "minimum_profile",
            "admission",
        ]
    )
    told("customer", "put", "K1", "--name", "Customer 1")
    told("plan", "put", "P1", "--name", "El", "--mode", "cost_plus")
    told("contract", "put", "SERETC00000017", "--customer", "K1", "--plan", "P1", "--supply-point", "A1")
    token = told("token", "add", "04A2B3C4D5E6F7", "--contract", "SERETC00000017")
    assert list(token) == [
        "owner",
        "party",
        "uid",
        "ref",
        "group_ref",
        "type",
        "contract",
        "valid",
        "whitelist",
        "last_updated",
    ]
    assert told("cdr", "list") == []
    assert list(told("bill", "export")) == ["owner", "month", "totals", "held", "csv", "complete"]


@pytest.mark.usefixtures("stocked")
def test_people_get_tables_on_stdout_and_notes_on_stderr() -> None:
    added = run("station", "add", "S1")
    assert "password  " in added.stdout
    assert added.stderr == "The password is shown this once: put it into the station now.\n"
    listed = run("station", "list").stdout.splitlines()
    assert listed[0].startswith("party   station  connected")
    assert listed[1].startswith("SE*ELS  S1       no")
    assert (run("cdr", "list").stdout, run("cdr", "list").stderr) == ("", "There are none.\n")


def test_a_command_that_begins_an_installation_says_where_once(home: Path) -> None:
    """In the wrong folder everything is empty, which must not pass for an installation without stations."""
    first, second = run("station", "list"), run("station", "list")
    assert f"There was nothing in {home} before" in first.stderr
    assert "--data-dir" in first.stderr
    assert (first.stdout, second.stderr) == ("", "There are none.\n")


def test_for_a_program_a_new_installation_is_no_matter() -> None:
    assert run("station", "list", "--json").stderr == ""


@pytest.mark.usefixtures("stocked")
@pytest.mark.parametrize(
    ("command", "status", "says"),
    [
        ("fly", Exit.USAGE, "No such command"),
        ("station fly", Exit.USAGE, "No such command"),
        ("station add", Exit.USAGE, "Missing argument 'STATION'"),
        ("station add S1 --colour red", Exit.USAGE, "No such option"),
        ("station add a/b", Exit.USAGE, "not a station's identity: 'a/b'"),
        ("station add S1 --party X", Exit.USAGE, "not a party id: 'X'"),
        ("station add S1 --party NO*ONE", Exit.ERROR, "NO*ONE is not a party of this installation"),
        ("station command S1 DANCE", Exit.USAGE, "'DANCE' is not one of"),
        ("station command S1 RESET", Exit.UNREACHABLE, "needs a running server"),
        ("station command S1 RESET --evse one", Exit.USAGE, "expected `int | null`, got `str`"),
        ("station command S1 CALL", Exit.USAGE, "'CALL' is not one of"),
        ("station call S1 Reset", Exit.UNREACHABLE, "needs a running server"),
        ("station limit S1 --amperes abc", Exit.USAGE, "--amperes 'abc': invalid decimal"),
        ("station reserve S1 --token A1 --minutes -5", Exit.USAGE, "--minutes '-5': expected `int` >= 1"),
        ("station reserve S1 --token A1 --until tomorrow", Exit.USAGE, "--until 'tomorrow': invalid RFC3339"),
        ("partner add P1", Exit.UNREACHABLE, "elstrada serve"),
        ("demo --speed nan", Exit.USAGE, "nan is not a number"),
        ("token add A1", Exit.USAGE, "Missing option '--contract'"),
        ("plan put P1 --name P", Exit.USAGE, "Missing option '--mode'"),
        ("plan put P1 --name P --mode COST_PLUS --markup-percent much", Exit.USAGE, "invalid decimal"),
        ("contract put C1 --customer K1 --plan P1 --supply-point A1", Exit.ERROR, "no customer 'K1'"),
        ("cdr explain X", Exit.ERROR, "no CDR 'X'"),
        ("cdr list --limit 0", Exit.USAGE, "expected `int` >= 1"),
        ("cdr list --since yesterday", Exit.USAGE, "invalid RFC3339"),
        ("cdr list --since 0001-01-01T00:00:00+23:59", Exit.USAGE, "years 2000 to 2200"),
        ("bill export --month 26-3", Exit.USAGE, "matching regex"),
        ("bill export --month 2026-3", Exit.USAGE, "\nYYYY-MM, in which lines were recorded"),
        ("import irve no-such-file", Exit.USAGE, "no-such-file cannot be read"),
        ("import irve broken.csv --party SE*RET", Exit.CHECKS, "no column id_pdc_itinerance"),
        ("import ocpi tariff.json", Exit.USAGE, "say which with --party"),
        ("tariff put tariff.json", Exit.CHECKS, "/elements: at least one is required"),
        ("tariff put broken.json", Exit.CHECKS, "not JSON"),
        ("location put tariff.json", Exit.CHECKS, "missing required field"),
        ("--set http.prot=1 station list", Exit.CONFIG, "did you mean http.port?"),
        ("--set http station list", Exit.USAGE, "expected NAME=VALUE"),
        ("--config missing.toml station list", Exit.CONFIG, "missing.toml cannot be read"),
        ("--set desk.url=http://127.0.0.1:1 station list", Exit.USAGE, "desk.secret is not"),
        (
            f"--set desk.url=http://127.0.0.1:1 --set desk.secret={SECRET} station list",
            Exit.UNREACHABLE,
            "nobody answers at http://127.0.0.1:1",
        ),
    ],
)
def test_wrong_input_ends_with_its_exit_code_and_a_word_on_what_was_wrong(
    tmp_path: Path, command: str, status: Exit, says: str
) -> None:
    (tmp_path / "tariff.json").write_text(json.dumps(TARIFF))
    (tmp_path / "broken.json").write_text("{")
    (tmp_path / "broken.csv").write_text("a,b\n")
    result = run(*command.split())
    assert result.exit_code == status, result.stderr
    assert says.lower() in result.stderr.lower()
    assert result.stdout == ""


@pytest.mark.usefixtures("stocked")
def test_in_json_mode_a_refusal_is_a_document_on_stderr() -> None:
    result = run("station", "add", "a/b", "--json")
    refusal = json.loads(result.stderr)
    assert (refusal["kind"], refusal["pointer"], result.stdout) == ("usage", "/station", "")


@pytest.mark.usefixtures("stocked")
def test_a_file_may_come_from_standard_input() -> None:
    result = run("tariff", "put", "-", stdin=json.dumps(TARIFF).encode())
    assert result.exit_code == Exit.CHECKS


def test_the_configurations_parties_are_ours_without_a_command(tmp_path: Path) -> None:
    (tmp_path / "elstrada.toml").write_text(
        '[[parties]]\nid = "SE*ELS"\nroles = ["CPO"]\nname = "Elstrada Nord"\n'
    )
    assert [line["party"] for line in told("party", "list")] == ["SE*ELS"]
    assert told("station", "add", "S1")["party"] == "SE*ELS"


def test_config_show_tells_values_and_origins_and_hides_secrets(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ELSTRADA_DESK__SECRET", SECRET)
    settings = {line["key"]: line for line in told("--set", "http.port=81", "config", "show")}
    assert settings["http.port"] == {"key": "http.port", "value": 81, "origin": "the command line"}
    assert settings["desk.secret"]["origin"] == "the environment"
    shown = run("config", "show")
    assert SECRET not in shown.output + json.dumps(settings)
    assert "(default)" in shown.stdout
    assert run("config", "check").exit_code == Exit.OK
    assert run("--set", "log.level=loud", "config", "check").exit_code == Exit.CONFIG


def test_control_characters_of_a_name_do_not_reach_the_terminal() -> None:
    """T14."""
    told("party", "put", "SE*ELS", "--roles", "CPO", "--name", "a\x1b[31mred\r")
    listed = run("party", "list").stdout
    assert "\x1b" not in listed
    assert "a·[31mred·" in listed


def test_station_command_offers_what_it_gives_and_the_docs_name_no_other() -> None:
    offered = run("station", "command", "--help").stdout
    others = {"CALL", "INSTALL_SIGNED", "CHANGE_PASSWORD", "SEND_LOCAL_LIST", "RESERVE", "CANCEL_RESERVATION"}
    assert {str(one) for one in CommandName} - {str(one) for one in Plain} == others
    assert [one for one in others if one in offered] == []
    assert [one for one in Plain if one not in offered] == []
    page = (Path(__file__).parents[2] / "docs" / "protocols" / "ocpp.md").read_text()
    named = set(re.findall(r"`station command` (\w+)", page))
    assert named == {str(one) for one in Plain}


# --- with a server ----------------------------------------------------------------------------------


@pytest.fixture
def server(home: Path) -> Iterator[HTTPServer]:
    """The desk's handler behind the standard library's server, announced as a serving node does."""
    post = LocalPost()

    async def station(ask: Letter) -> Letter:
        if isinstance(ask, Command) and ask.name is CommandName.CALL:
            return CommandDone(
                CommandResult.REJECTED, "Rejected", f'{{"status":"Rejected","was":{ask.payload}}}'
            )
        return CommandDone(CommandResult.REJECTED, "busy")

    owner = PartyId("SE", "ELS")
    post.serve(station_address("n1", owner, "S1", "c1"), station)
    clock = SystemClock()
    spine = MemorySpine(clock)

    async def connect() -> None:
        connected = StationConnected("ocpp1.6", "c1", "n1")
        await spine.commit(Work((Append(station_stream(owner, "S1"), 0, (connected,)),)))

    asyncio.run(connect())
    desk = Desk(spine=spine, keys=derived_keys("cli"), clock=clock, chance=SystemChance(), post=post)
    handler = DeskHandler(desk, SECRET)

    class Door(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            headers = {name.lower(): value for name, value in self.headers.items()}
            request = HttpRequest("POST", self.path, {}, headers, body)
            answer = asyncio.run(handler.handle(request, "127.0.0.1"))
            self.send_response(answer.status)
            for name, value in answer.headers.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(answer.body)

        def log_message(self, format: str, *args: object) -> None:
            pass

    door = HTTPServer(("127.0.0.1", 0), Door)
    thread = threading.Thread(target=door.serve_forever)
    thread.start()
    home.mkdir()
    announce(home, ServerFile(f"http://127.0.0.1:{door.server_port}", SECRET, os.getpid()))
    yield door
    door.shutdown()
    door.server_close()
    thread.join()


@pytest.mark.usefixtures("server")
def test_a_running_server_does_the_verb_and_its_refusals_exit_alike(home: Path) -> None:
    told("party", "put", "SE*ELS", "--roles", "CPO", "--name", "Elstrada Nord")
    assert told("station", "add", "S1")["station"] == "S1"
    assert not (home / "elstrada.db").exists()
    refused = run("station", "command", "S1", "RESET")
    assert refused.exit_code == Exit.REFUSED
    assert "S1 answered RESET with REJECTED (busy)" in refused.stderr
    assert run("station", "add", "S1").exit_code == Exit.ERROR
    invalid = run("tariff", "put", "-", stdin=json.dumps(TARIFF).encode())
    assert invalid.exit_code == Exit.CHECKS
    assert "/elements: at least one is required" in invalid.stderr


@pytest.mark.usefixtures("server")
def test_a_call_takes_its_fields_as_text_from_a_file_or_from_standard_input(tmp_path: Path) -> None:
    told("party", "put", "SE*ELS", "--roles", "CPO", "--name", "Elstrada Nord")
    told("station", "add", "S1")
    file = tmp_path / "fields.json"
    file.write_text('{"type":"Soft"}')
    for given, stdin in (('{"type":"Soft"}', None), (f"@{file}", None), ("-", b'{"type":"Soft"}')):
        result = run("station", "call", "S1", "Reset", given, "--json", stdin=stdin)
        assert result.exit_code == 0, result.stderr
        end = json.loads(result.stdout)
        assert list(end) == ["command_id", "action", "result", "detail", "response"]
        assert (end["result"], end["response"]["was"]) == ("REJECTED", {"type": "Soft"})
    shown = run("station", "call", "S1", "ClearCache").stdout
    assert shown.splitlines()[0] == "REJECTED (Rejected)"
    assert '"was": {}' in shown


@pytest.mark.usefixtures("server")
@pytest.mark.parametrize(
    ("arguments", "status", "says"),
    [
        (("Reset", '{"type":"Warm"}'), Exit.CHECKS, "  /type: expected a ResetType, got 'Warm'"),
        (("Reset",), Exit.CHECKS, "  /type: missing"),
        (("Reset", "soft"), Exit.CHECKS, "Expecting value"),
        (("Reste",), Exit.USAGE, "Did you mean Reset?"),
        (("SetVariables",), Exit.USAGE, "no station is called with 'SetVariables' in ocpp1.6"),
        (("BootNotification",), Exit.USAGE, "no station is called with 'BootNotification'"),
        (("Reset", "@nowhere.json"), Exit.USAGE, "nowhere.json cannot be read"),
        (("x" * 51,), Exit.USAGE, "length <= 50"),
    ],
)
def test_a_call_that_its_version_does_not_know_is_refused_before_it_is_sent(
    arguments: tuple[str, ...], status: Exit, says: str
) -> None:
    told("party", "put", "SE*ELS", "--roles", "CPO", "--name", "Elstrada Nord")
    told("station", "add", "S1")
    result = run("station", "call", "S1", *arguments)
    assert result.exit_code == status
    assert says in result.stderr


def test_a_file_left_by_a_server_that_is_gone_is_passed_over(home: Path, server: HTTPServer) -> None:
    announce(home, ServerFile("http://127.0.0.1:1", SECRET, os.getpid()))
    told("party", "put", "SE*ELS", "--roles", "CPO", "--name", "Elstrada Nord")
    assert (home / "elstrada.db").exists()


def test_another_secret_is_told_apart_from_a_refusal(home: Path, server: HTTPServer) -> None:
    announce(home, ServerFile(f"http://127.0.0.1:{server.server_port}", "x" * 43, os.getpid()))
    result = run("party", "list")
    assert result.exit_code == Exit.UNREACHABLE
    assert "server.json" in result.stderr


# --- real processes ---------------------------------------------------------------------------------


def process(*arguments: str, **more: Any) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", "from elstrada.cli import main; main()", *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False, **more)


def test_a_real_process_ends_with_the_same_codes() -> None:
    assert process("party", "list", "--json").stdout == "[]\n"
    assert process("station", "add").returncode == Exit.USAGE
    assert process("--set", "http.port=x", "party", "list").returncode == Exit.CONFIG


def test_a_store_in_use_is_told_and_left_alone(home: Path) -> None:
    told("party", "list")
    holder = "import fcntl, sys; f = open(sys.argv[1], 'ab'); fcntl.flock(f, 2); print(flush=True); input()"
    lock = str(home / "elstrada.db.lock")
    with subprocess.Popen(
        [sys.executable, "-c", holder, lock], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as other:
        assert other.stdout is not None
        other.stdout.readline()
        result = run("party", "list")
        other.communicate("\n")
    assert result.exit_code == Exit.UNREACHABLE
    assert "in use" in result.stderr


def test_help_does_not_load_what_it_does_not_need() -> None:
    code = (
        "import sys, elstrada.cli\n"
        "try: elstrada.cli.main(['--help'])\n"
        "except SystemExit: pass\n"
        "print([name for name in ('sqlalchemy', 'litestar', 'pydantic') if name in sys.modules])"
    )
    found = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True
    )
    assert found.stdout.splitlines()[-1] == "[]"


def test_every_exit_code_is_explained_in_the_help_and_in_the_guide() -> None:
    assert set(MEANINGS) == set(Exit)
    told = " ".join(CliRunner().invoke(root, ["--help"]).output.split())
    guide = (Path(__file__).parents[2] / "docs/guide/operations.md").read_text()
    for code, says in MEANINGS.items():
        assert f"{code:d} {says}" in told
        assert f"| {code:d} | {says} |" in guide
