"""Every verb with a wrong input: its exit code, and words that say what was wrong.

Exit codes as in elstrada.cli.exits: 1 missing or in conflict, 2 usage, 4 unreachable, 5 refused, 6 a
document was found wrong. Nothing that was refused may have had an effect.
"""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from installation import EXECUTABLE, Installation, Nursery, environment, serving

from elstrada.roles.desk.nouns import NOUNS
from elstrada.roles.desk.table import verbs_of


@pytest.fixture(scope="module")
def home(nursery: Nursery, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    with serving(Installation(tmp_path_factory.mktemp("wrong"), nursery, starter=nursery)) as installation:
        yield installation


def contract(**changes: str) -> tuple[str, ...]:
    right = {"customer": "K1", "plan": "P1", "supply-point": "1"} | changes
    return (
        "contract",
        "put",
        "C1",
        *(part for name, value in right.items() for part in (f"--{name}", value)),
    )


def plan(*more: str) -> tuple[str, ...]:
    return ("plan", "put", "P1", "--name", "Roaming", *more)


HANDSHAKE = ("partner", "handshake", "friend", "--party", "SE*ELS", "--token", "secret-a")
WRONG: tuple[tuple[tuple[str, ...], str, int, str], ...] = (
    # Words, standard input, exit code, and what the complaint says.
    (("party", "put", "ELSTRADA", "--roles", "CPO", "--name", "X"), "", 2, "expected two letters and three"),
    (("party", "put", "SE*NEW", "--roles", "king", "--name", "X"), "", 2, "king"),
    (("party", "put", "SE*NEW", "--roles", "CPO", "--name", "X", "--currency", "kr"), "", 2, "/currency"),
    (("party", "list", "everything"), "", 2, "everything"),
    (("station", "add", "A/B"), "", 2, "not a station's identity"),
    (("station", "add", "S1", "--place", "HARBOUR"), "", 2, "not a place"),
    (("station", "add", "S1", "--place", "1=NOWHERE/E1"), "", 1, "location NOWHERE"),
    (("station", "add", "S1", "--party", "DE*XXX"), "", 1, "not a party of this installation"),
    (("station", "adopt", "NEVER-KNOCKED"), "", 1, "that has knocked"),
    (("station", "place", "NOBODY", "--place", "1=L1/E1"), "", 1, "there is no station"),
    (("station", "list", "--party", "nonsense"), "", 2, "not a party id"),
    (("station", "show", "NOBODY"), "", 1, "there is no station"),
    (("station", "show", "NOBODY", "--connections", "0"), "", 2, "/connections"),
    (("station", "unknown", "--limit", "1"), "", 2, "No such option"),
    (("station", "command", "NOBODY", "RESET"), "", 1, "there is no station"),
    (("station", "command", "NOBODY", "EXPLODE"), "", 2, "EXPLODE"),
    (("station", "command", "NOBODY", "RESET", "--deadline-s", "0"), "", 2, "/deadline_s"),
    (("station", "secure", "NOBODY", "--minimum-profile", "2"), "", 1, "there is no station"),
    (("station", "secure", "NOBODY", "--minimum-profile", "4"), "", 2, "/minimum_profile"),
    (("station", "call", "NOBODY", "Reset"), "", 1, "there is no station"),
    (("partner", "add", "a friend", "--party", "SE*ELS"), "", 2, "not a partner's name"),
    (("partner", "add", "friend"), "", 2, "several parties"),
    ((*HANDSHAKE, "--url", "ftp://partner.example/"), "", 2, "not a versions URL"),
    ((*HANDSHAKE, "--url", "http://127.0.0.1:9/ocpi/versions"), "", 4, "registered"),
    ((*HANDSHAKE, "--url", "http://169.254.169.254/ocpi/versions"), "", 4, "169.254.169.254"),
    (("partner", "list", "--party", "DE*XXX"), "", 1, "not a party of this installation"),
    (("token", "add", "X" * 37, "--contract", "C1"), "", 2, "37 characters"),
    (("token", "add", "04AA", "--contract", "C1", "--whitelist", "PERHAPS"), "", 2, "PERHAPS"),
    (("token", "add", "04AA", "--contract", "C1", "--party", "SE*ELS"), "", 1, "only an eMSP issues tokens"),
    (("token", "list", "--party", "DE*XXX"), "", 1, "not a party of this installation"),
    (("customer", "put", "K/1", "--name", "X"), "", 2, "not a customer's number"),
    (("customer", "put", "K1", "--name", "X", "--language", "swedish"), "", 2, "/language"),
    (contract(customer="NOBODY"), "", 1, "customer 'NOBODY'"),
    (plan("--mode", "FREE"), "", 2, "FREE"),
    (plan("--mode", "COST_PLUS", "--price-per-kwh", "-1"), "", 2, "not a price"),
    (plan("--mode", "COST_PLUS", "--price-per-kwh", "NaN"), "", 2, "not a price"),
    (plan("--mode", "FIXED_PER_KWH", "--markup-percent", "5"), "", 2, "has no mark-up"),
    (("tariff", "put", "-"), "{", 6, "cannot be read"),
    (("tariff", "put", "-"), '{"id": "T1", "currency": "SEK", "elements": []}', 6, "/elements"),
    (("tariff", "put", "/nowhere/tariff.json"), "", 2, "cannot be read"),
    (("tariff", "list", "--party", "DE*XXX"), "", 1, "not a party of this installation"),
    (("location", "put", "-"), "[]", 6, "a JSON object"),
    (("location", "put", "-"), '{"id": "L1", "country_code": "DE", "party_id": "XXX"}', 6, "not ours"),
    (("location", "list", "--limit", "0"), "", 2, "/limit"),
    (("import", "irve", "-", "--party", "SE*RET"), "a;b\n1;2\n", 6, "the file is not IRVE"),
    (("import", "ocpi", "-", "--party", "SE*RET"), "null", 6, "no OCPI Location"),
    (("cdr", "list", "--since", "yesterday"), "", 2, "/since"),
    (("cdr", "explain", "NONE"), "", 1, "there is no CDR"),
    (("cdr", "retry", "NONE"), "", 1, "there is no CDR"),
    (("bill", "export", "--month", "2026-13"), "", 2, "/month"),
    (("bill", "export", "--time-zone", "Europe/Atlantis"), "", 2, "not a time zone"),
    (("bill", "export", "--party", "DE*XXX"), "", 1, "not a party of this installation"),
    (("node", "list", "--limit", "1"), "", 2, "No such option"),
    (("node", "drain", "NOBODY"), "", 1, "there is no node"),
    (("finding", "list", "--limit", "many"), "", 2, "/limit"),
)


def test_every_verb_is_tried_with_something_wrong() -> None:
    tried = {" ".join(words[:2]) for words, *_ in WRONG}
    assert tried == {verb.name for noun in NOUNS for verb in verbs_of(noun)}


@pytest.mark.parametrize(
    ("words", "stdin", "code", "says"), WRONG, ids=[" ".join(words)[:60] for words, *_ in WRONG]
)
def test_a_wrong_input_ends_with_its_code_and_says_what_was_wrong(
    home: Installation, words: tuple[str, ...], stdin: str, code: int, says: str
) -> None:
    outcome = home.run(*words, "--json", stdin=stdin)
    assert outcome.code == code, outcome
    assert says in outcome.stderr
    assert outcome.stdout == ""
    assert "Traceback" not in outcome.stderr
    assert "secret-a" not in outcome.stderr


def test_a_refusal_has_no_effect(home: Installation) -> None:
    for words, stdin, *_ in WRONG:
        home.run(*words, stdin=stdin)
    for noun in ("station", "token", "tariff", "location", "cdr"):
        assert home.told(noun, "list") == []
    assert [party["party"] for party in home.told("party", "list")] == ["SE*ELS", "SE*RET"]
    assert all(partner["state"] != "ACTIVE" for partner in home.told("partner", "list"))
    for table in ("customer", "contract", "plan"):
        assert home.rows(f"select * from {table}") == []


def test_without_a_server_records_are_still_kept_and_living_verbs_say_what_they_lack(
    nursery: Nursery, tmp_path: Path
) -> None:
    home = Installation(tmp_path, nursery)
    assert home.told("station", "add", "S1")["station"] == "S1"
    assert [line["station"] for line in home.told("station", "list")] == ["S1"]
    for words in (("station", "command", "S1", "RESET"), ("partner", "add", "friend", "--party", "SE*ELS")):
        outcome = home.run(*words, "--json")
        assert (outcome.code, outcome.json["kind"]) == (4, "unreachable")
        assert "elstrada serve" in outcome.json["hint"]


def test_two_servers_never_share_a_folder_and_a_wrong_configuration_is_named(home: Installation) -> None:
    second = home.run("serve")
    assert second.code == 1
    assert str(home.data) in second.stderr
    wrong = home.run("--set", "http.prot=1", "config", "check")
    assert wrong.code == 3
    assert "did you mean http.port?" in wrong.stderr


def test_the_installed_command_is_the_same(home: Installation) -> None:
    words = [EXECUTABLE, "--config", home.config, "station", "command", "NOBODY", "RESET", "--json"]
    outcome = subprocess.run(words, capture_output=True, env=environment(), check=False)
    assert outcome.returncode == 1
    assert json.loads(outcome.stderr)["kind"] == "missing"
