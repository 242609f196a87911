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
    with serving(Installation(tmp_path_factory.mktemp("wrong"), nursery)) as installation:
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


def firmware(file: str, *more: str) -> tuple[str, ...]:
    return ("firmware", "add", file, "--vendor", "V", "--model", "M", "--version", "1", *more)


HANDSHAKE = ("partner", "handshake", "friend", "--party", "SE*ELS", "--token", "secret-a")
NOWHERE = ("--location", "NOWHERE", "--evse", "E1")
BOOKED = ("--since", "2098-01-01T10:00:00Z", "--until", "2098-01-01T11:00:00Z")
UNTIL_BEFORE = ("--since", "2098-01-01T11:00:00Z", "--until", "2098-01-01T10:00:00Z")
WRONG: tuple[tuple[tuple[str, ...], str, int, str], ...] = (
    # Words, standard input, exit code, and what the complaint says.
    (("party", "put", "ELSTRADA", "--roles", "CPO", "--name", "X"), "", 2, "expected two letters and three"),
    (("party", "put", "SE*NEW", "--roles", "king", "--name", "X"), "", 2, "king"),
    (("party", "put", "SE*NEW", "--roles", "CPO", "--name", "X", "--currency", "kr"), "", 2, "/currency"),
    (("party", "put", "SE*NEW", "--roles", "HUB", "--roles", "CPO", "--name", "X"), "", 2, "no other role"),
    (("hub", "log", "--limit", "many"), "", 2, "/limit"),
    (("hub", "log"), "", 1, "no party with the role HUB"),
    (("hub", "parties", "--party", "DE*XXX"), "", 1, "not a party of this installation"),
    (("party", "list", "everything"), "", 2, "everything"),
    (("station", "add", "A/B"), "", 2, "not a station's identity"),
    (("station", "add", "S1", "--place", "HARBOUR"), "", 2, "not a place"),
    (("station", "add", "S1", "--place", "1=NOWHERE/E1"), "", 1, "location NOWHERE"),
    (("station", "add", "S1", "--party", "DE*XXX"), "", 1, "not a party of this installation"),
    (("station", "commands", "NOBODY"), "", 1, "there is no station"),
    (("station", "reserve", "NOBODY", "--token", "04A1", "--minutes", "5"), "", 1, "there is no station"),
    (("station", "reserve", "NOBODY", "--token", "04A1"), "", 2, "expected either --until or --minutes"),
    (("station", "reserve", "NOBODY", "--token", "04A1", "--minutes", "0"), "", 2, "/minutes"),
    (
        ("station", "reserve", "NOBODY", "--token", "04A1", "--until", "2020-01-01T00:00:00Z"),
        "",
        2,
        "is past",
    ),
    (
        ("station", "reserve", "NOBODY", "--token", "04A1", "--evse", "1", "--connector-type", "cType2"),
        "",
        2,
        "expected one of them",
    ),
    (
        ("station", "reserve", "NOBODY", "--token", "04A1", "--minutes", "5", "--additional", "x"),
        "",
        1,
        "there is no station",
    ),
    (("reconciliation", "list", "--invoice", ""), "", 2, "/invoice"),
    (("reconciliation", "show", "R9"), "", 1, "there is no record 'R9'"),
    (
        ("reconciliation", "issue", "2026-03", "--to", "nobody", "--cdr", "C1", "--party", "SE*ELS"),
        "",
        2,
        "/to",
    ),
    (
        ("reconciliation", "issue", "2026-03", "--to", "SE*FOO", "--party", "SE*ELS"),
        "",
        2,
        "expected either --cdr",
    ),
    (
        ("reconciliation", "issue", "2026-03", "--to", "SE*FOO", "--cdr", "C1", "--party", "SE*ELS"),
        "",
        1,
        "no CDR between SE*ELS and SE*FOO: C1",
    ),
    (
        (
            "reconciliation",
            "issue",
            "2026-03",
            "--to",
            "SE*FOO",
            "--cdr",
            "C1",
            "--party",
            "SE*ELS",
            "--reverse",
        ),
        "",
        1,
        "SE*ELS is no eMSP",
    ),
    (
        ("reconciliation", "amend", "R9", "--invoice", "2026-04", "--party", "SE*ELS"),
        "",
        1,
        "there is no record",
    ),
    (("reconciliation", "withdraw", "R9", "--party", "SE*ELS"), "", 1, "there is no record"),
    (
        ("partner", "reserve", "friend", "--location", "L1", "--token", "04A1", "--party", "SE*ELS"),
        "",
        2,
        "expected either --until or --minutes",
    ),
    (
        (
            *("partner", "reserve", "nobody", "--location", "L1", "--token", "04A1", "--minutes", "5"),
            *("--party", "SE*ELS"),
        ),
        "",
        1,
        "there is no partner",
    ),
    (("client", "list", "--status", "ASLEEP"), "", 2, "ASLEEP"),
    (("client", "list", "--after", "x"), "", 2, "/after"),
    (("client", "plan", "SE*NEW"), "", 1, "no party with the role HUB"),
    (("client", "suspend", "SE*NEW", "--party", "SE*ELS"), "", 2, "is no hub"),
    (("client", "release", "SE*NEW", "--party", "SE*ELS"), "", 2, "is no hub"),
    (("partner", "unreserve", "NONE", "--party", "SE*ELS"), "", 1, "there is no reservation"),
    (("partner", "reservations", "--party", "nonsense"), "", 2, "not a party id"),
    (("partner", "reservations", "--after", "x"), "", 2, "/after"),
    (("partner", "prefer", "S1", "SUNNY", "--party", "SE*ELS"), "", 2, "SUNNY"),
    (
        ("partner", "prefer", "S1", "REGULAR", "--energy-kwh", "-1", "--party", "SE*ELS"),
        "",
        2,
        "expected 0 to",
    ),
    (("partner", "prefer", "S1", "REGULAR", "--party", "SE*ELS"), "", 1, "there is no session"),
    (("partner", "limit", "S1", "--party", "SE*ELS"), "", 2, "expected one of --amperes"),
    (("partner", "limit", "S1", "--amperes", "-6", "--party", "SE*ELS"), "", 2, "expected 0 to"),
    (
        ("partner", "limit", "S1", "--watts", "6", "--until", "2020-01-01T00:00:00Z", "--party", "SE*ELS"),
        "",
        2,
        "over already",
    ),
    (("partner", "limit", "S1", "--profile", "-", "--party", "SE*ELS"), "{}", 6, "no ChargingProfile"),
    (("partner", "limit", "S1", "--amperes", "6", "--party", "SE*ELS"), "", 1, "there is no session"),
    (("partner", "unlimit", "S1", "--cpo", "nonsense", "--party", "SE*ELS"), "", 2, "/cpo"),
    (("partner", "schedule", "S1", "--duration-s", "0", "--party", "SE*ELS"), "", 2, "/duration_s"),
    (("partner", "limits", "--party", "nonsense"), "", 2, "not a party id"),
    (("partner", "limits", "--after", "x"), "", 2, "/after"),
    (("partner", "slots", "NOBODY", "--party", "nonsense"), "", 2, "not a party id"),
    (("partner", "slots", "NOBODY", "--after", "x"), "", 2, "/after"),
    (
        ("partner", "book", "NOBODY", "--place", "P", "--token", "04A1", *BOOKED, "--party", "SE*ELS"),
        "",
        1,
        "there is no partner",
    ),
    (
        ("partner", "book", "NOBODY", "--place", "P", "--token", "04A1", *UNTIL_BEFORE),
        "",
        2,
        "the end is not after the start",
    ),
    (("partner", "rebook", "NONE", "--party", "SE*ELS"), "", 1, "there is no booking"),
    (("partner", "unbook", "NONE", "--party", "SE*ELS"), "", 1, "there is no booking"),
    (("partner", "unbook", "NONE", "--reason", "RAIN"), "", 2, "RAIN"),
    (("partner", "bookings", "--after", "x"), "", 2, "/after"),
    (("booking", "open", "P", *NOWHERE), "", 1, "there is no location"),
    (("booking", "open", "A/B", *NOWHERE), "", 2, "not a name for what can be booked"),
    (("booking", "open", "P", *NOWHERE, "--increment", "0"), "", 2, "/increment"),
    (("booking", "close", "P"), "", 1, "there is no booking location"),
    (("booking", "places", "--after", "x"), "", 2, "/after"),
    (("booking", "list", "--limit", "0"), "", 2, "/limit"),
    (("booking", "accept", "NONE"), "", 1, "there is no booking"),
    (("booking", "decline", "NONE"), "", 1, "there is no booking"),
    (("booking", "cancel", "NONE"), "", 1, "there is no booking"),
    (("booking", "cancel", "NONE", "--reason", "RAIN"), "", 2, "RAIN"),
    (("station", "unreserve", "NOBODY", "7"), "", 1, "there is no station"),
    (("station", "unreserve", "NOBODY", "0"), "", 2, "/number"),
    (("station", "reservations", "--station", "NOBODY"), "", 1, "there is no station"),
    (("station", "reservations", "--limit", "0"), "", 2, "/limit"),
    (("station", "reservations", "--after", "x"), "", 2, "/after"),
    (("station", "meter", "NOBODY"), "", 1, "there is no station"),
    (("station", "adopt", "NEVER-KNOCKED"), "", 1, "that has knocked"),
    (("station", "place", "NOBODY", "--place", "1=L1/E1"), "", 1, "there is no station"),
    (("session", "list", "--party", "nonsense"), "", 2, "not a party id"),
    (("session", "list", "--limit", "0"), "", 2, "/limit"),
    (("token", "limit", "04A1", "--top-up", "5"), "", 2, "in which currency"),
    (("token", "limit", "04A1", "--top-up", "1e30", "--currency", "EUR"), "", 2, "not an amount"),
    (("token", "limit", "04A1", "--most-soc", "101", "--currency", "EUR"), "", 2, "/most_soc"),
    (("token", "limit", "04A1", "--remove"), "", 1, "nothing bounds that token"),
    (("token", "limits", "--party", "nonsense"), "", 2, "not a party id"),
    (("station", "qr", "NOBODY"), "", 1, "there is no station"),
    (("station", "qr", "NOBODY", "--valid-s", "5"), "", 2, "/valid_s"),
    (("station", "qr", "NOBODY", "--length", "33"), "", 2, "/length"),
    (("payment", "list", "--state", "PERHAPS"), "", 2, "PERHAPS"),
    (("payment", "list", "--party", "DE*XXX"), "", 1, "not a party of this installation"),
    (("payment", "list", "--after", "x"), "", 2, "/after"),
    (("terminal", "list", "--state", "BROKEN"), "", 2, "BROKEN"),
    (("terminal", "list", "--after", "x"), "", 2, "/after"),
    (("terminal", "add", "T1", "--partner", "friend"), "", 1, "no party with the role PTP"),
    (("terminal", "add", "T1", "--partner", "friend", "--party", "SE*ELS"), "", 1, "SE*ELS is no PTP"),
    (("terminal", "assign", "T1", "--locations", "L1", "--party", "SE*ELS"), "", 1, "there is no terminal"),
    (("terminal", "put", "T1", "--party", "SE*ELS"), "", 1, "there is no terminal"),
    (("terminal", "put", "T1", "--country", "Sweden"), "", 2, "/country"),
    (("terminal", "activate", "friend", "--party", "SE*ELS"), "", 2, "which terminal?"),
    (
        ("terminal", "activate", "nobody", "--reference", "SN-1", "--party", "SE*ELS"),
        "",
        1,
        "there is no partner",
    ),
    (("terminal", "deactivate", "T1", "--party", "SE*ELS"), "", 1, "there is no terminal"),
    (("terminal", "sessions", "--state", "PERHAPS"), "", 2, "PERHAPS"),
    (("terminal", "sessions", "--after", "x"), "", 2, "/after"),
    (("terminal", "payments", "--party", "DE*XXX"), "", 1, "not a party of this installation"),
    (("terminal", "tap", "T1", "--location", "L1", "--evse", "E1"), "", 1, "no party with the role PTP"),
    (("terminal", "tap", "T1", "--location", "L1", "--evse", "E1", "--card", "stolen"), "", 2, "stolen"),
    (("token", "allow", "04A1", "--transfer", "STEAM"), "", 2, "expected some of AC_single_phase"),
    (("token", "allow", "04A1"), "", 1, "nothing is allowed to that token"),
    (("token", "tariff", "04A1", "--tariff", "NOWHERE"), "", 1, "tariff NOWHERE"),
    (("token", "tariff", "04A1"), "", 1, "nothing is allowed to that token"),
    (("session", "show", "NOWHERE"), "", 1, "there is no session"),
    (("session", "strays", "NOBODY"), "", 1, "there is no station"),
    (("session", "strays", "NOBODY", "--limit", "0"), "", 2, "/limit"),
    (("session", "show", "NONE"), "", 1, "there is no session"),
    (("session", "renegotiate", "NONE"), "", 1, "there is no session"),
    (("session", "renegotiate", "NONE", "--deadline-s", "0"), "", 2, "/deadline_s"),
    (("session", "hurry", "NONE"), "", 1, "there is no session"),
    (("session", "allow", "NONE", "--transfer", "DC_BPT"), "", 1, "there is no session"),
    (("session", "allow", "NONE", "--transfer", "BY_MAGIC"), "", 2, "BY_MAGIC"),
    (("session", "allow", "NONE"), "", 2, "expected some of AC_single_phase"),
    (("station", "setpoint", "NOBODY", "9", "--limit", "7400"), "", 1, "there is no station"),
    (("station", "setpoint", "NOBODY", "9"), "", 2, "expected a limit or a setpoint"),
    (("station", "setpoint", "NOBODY", "9", "--setpoint-l2", "NaN"), "", 2, "/setpoint_l2"),
    (("station", "signal", "NOBODY", "500"), "", 1, "there is no station"),
    (("station", "signal", "NOBODY", "much"), "", 2, "/signal"),
    (("station", "swap", "NOBODY", "04A1B2C3"), "", 1, "there is no station"),
    (("station", "items", "NOBODY"), "", 1, "there is no station"),
    (("station", "items", "NOBODY", "--kind", "TEASPOON"), "", 2, "TEASPOON"),
    (("station", "reports", "NOBODY"), "", 1, "there is no station"),
    (("station", "limit", "NOBODY", "--amperes", "6"), "", 1, "there is no station"),
    (("station", "network", "NOBODY", "2", "--url", "wss://csms.example"), "", 1, "there is no station"),
    (("station", "network", "NOBODY", "2"), "", 2, "expected --url, --first, or both"),
    (("station", "network", "NOBODY", "two", "--first"), "", 2, "/slot"),
    (("station", "network", "NOBODY", "2", "--first", "--security-profile", "9"), "", 2, "/security_profile"),
    (("station", "networks", "NOBODY"), "", 1, "there is no station"),
    (("station", "limit", "NOBODY"), "", 2, "expected one of --amperes, --watts and --release"),
    (("station", "limit", "NOBODY", "--amperes", "-1"), "", 2, "expected 0 to 10000000"),
    (("station", "limit", "NOBODY", "--amperes", "many"), "", 2, "/amperes"),
    (("station", "notices", "--station", "NOBODY"), "", 1, "there is no station"),
    (("station", "notices", "--kind", "GOSSIP"), "", 2, "GOSSIP"),
    (("station", "customer", "NOBODY", "7"), "", 1, "there is no station"),
    (("station", "customer", "NOBODY", "seven"), "", 2, "/request"),
    (("station", "forget", "NOBODY", "MONITOR"), "", 1, "there is no station"),
    (("station", "inventory", "NOBODY"), "", 1, "there is no station"),
    (("station", "list", "--party", "nonsense"), "", 2, "not a party id"),
    (("station", "show", "NOBODY"), "", 1, "there is no station"),
    (("station", "show", "NOBODY", "--connections", "0"), "", 2, "/connections"),
    (("station", "unknown", "--limit", "0"), "", 2, "/limit"),
    (("station", "unknown", "--ended"), "", 2, "No such option"),
    (("station", "command", "NOBODY", "RESET"), "", 1, "there is no station"),
    (("station", "command", "NOBODY", "EXPLODE"), "", 2, "EXPLODE"),
    (("station", "command", "NOBODY", "RESET", "--deadline-s", "0"), "", 2, "/deadline_s"),
    (("station", "tariff", "NOBODY", "T7"), "", 1, "there is no station"),
    (("station", "tariff", "NOBODY", "T7", "--evse", "-1"), "", 2, "/evse"),
    (("station", "tariffs", "NOBODY"), "", 1, "there is no station"),
    (("station", "tariffs", "NOBODY", "--evse", "1"), "", 2, "said with --clear"),
    (("station", "secure", "NOBODY", "--minimum-profile", "2"), "", 1, "there is no station"),
    (("station", "secure", "NOBODY", "--minimum-profile", "4"), "", 2, "/minimum_profile"),
    (("station", "password", "NOBODY"), "", 1, "there is no station"),
    (("station", "password", "NOBODY", "--deadline-s", "0"), "", 2, "/deadline_s"),
    (("station", "certificates", "--station", "NOBODY"), "", 1, "there is no station"),
    (("station", "certificates", "--within-days", "-1"), "", 2, "/within_days"),
    (("station", "trust", "NOBODY", "no/such/file.pem"), "", 2, "cannot be read"),
    (("station", "trust", "NOBODY", "-"), "no certificate", 6, "one certificate in PEM"),
    (("station", "home", "NOBODY", "--contract", "C1"), "", 1, "there is no station"),
    (("station", "home", "NOBODY", "--evse", "-1"), "", 2, "--evse"),
    (("station", "treat", "NOBODY", "--ping", "off"), "", 1, "there is no station"),
    (("station", "treat", "NOBODY", "--assume", "ocpp1.5"), "", 2, "ocpp1.5"),
    (("station", "treat", "NOBODY", "--quirk", "openevse-kwh"), "", 2, "NAME=on"),
    (("station", "treat", "NOBODY", "--signatures", "perhaps"), "", 2, "perhaps"),
    (("station", "treat", "NOBODY", "--signing-keys", "/no/such.pem"), "", 2, "cannot be read"),
    (("station", "treat", "NOBODY", "--quirk", "charm=on"), "", 1, "there is no quirk"),
    (("station", "quirks", "NOBODY"), "", 1, "there is no station"),
    (("station", "whitelist", "NOBODY", "--tokens", "ALL"), "", 1, "there is no station"),
    (("station", "whitelist", "NOBODY", "--tokens", "SOME"), "", 2, "SOME"),
    (("station", "command", "NOBODY", "SEND_LOCAL_LIST"), "", 2, "SEND_LOCAL_LIST"),
    (("station", "admit", "NOBODY", "PENDING"), "", 1, "there is no station"),
    (("station", "admit", "NOBODY", "MAYBE"), "", 2, "MAYBE"),
    (("station", "configure", "NOBODY", "{}"), "", 1, "there is no station"),
    (("station", "configure", "NOBODY"), "", 2, "Missing argument"),
    (("station", "call", "NOBODY", "Reset"), "", 1, "there is no station"),
    (("station", "update", "NOBODY", "X"), "", 1, "there is no station"),
    (("station", "update", "NOBODY", "X", "--at", "soon"), "", 2, "/at"),
    (("station", "update", "NOBODY", "X", "--retries", "21"), "", 2, "/retries"),
    (("station", "logs", "NOBODY"), "", 1, "there is no station"),
    (("station", "logs", "NOBODY", "--kind", "GOSSIP"), "", 2, "GOSSIP"),
    (("station", "transfers", "NOBODY"), "", 1, "there is no station"),
    (("station", "fetch", "NONE"), "", 1, "there is no transfer"),
    (firmware("/nowhere/image.bin"), "", 2, "does not exist"),
    (firmware(__file__), "", 1, "files.port"),
    (firmware(__file__, "--party", "DE*XXX"), "", 1, "not a party of this installation"),
    (("firmware", "list", "--party", "DE*XXX"), "", 1, "not a party of this installation"),
    (("firmware", "updates", "NONE"), "", 1, "there is no firmware"),
    (("firmware", "remove", "NONE"), "", 1, "there is no firmware"),
    (("partner", "add", "a friend", "--party", "SE*ELS"), "", 2, "not a partner's name"),
    (("partner", "add", "friend"), "", 2, "several parties"),
    ((*HANDSHAKE, "--url", "ftp://partner.example/"), "", 2, "not a versions URL"),
    ((*HANDSHAKE, "--url", "http://127.0.0.1:9/ocpi/versions"), "", 4, "registered"),
    ((*HANDSHAKE, "--url", "http://169.254.169.254/ocpi/versions"), "", 4, "169.254.169.254"),
    (("partner", "show", "nobody", "--party", "SE*ELS"), "", 1, "there is no partner"),
    (
        ("partner", "quirk", "nobody", "--quirk", "put-whole=on", "--party", "SE*ELS"),
        "",
        1,
        "there is no partner",
    ),
    (("partner", "quirk", "nobody", "--quirk", "put-whole=perhaps"), "", 2, "is not NAME=on or NAME=off"),
    (("partner", "quirk", "nobody", "--quirk", "coffee=on"), "", 1, "there is no quirk"),
    (("partner", "quirks", "everything"), "", 2, "everything"),
    (("agreement", "checks", "nobody", "--party", "SE*ELS"), "", 1, "there is no partner"),
    (("agreement", "check", "nobody", "--party", "SE*ELS"), "", 2, "expected a --threshold"),
    (
        ("agreement", "check", "nobody", "--party", "SE*ELS", "--severity", "V20=W"),
        "",
        1,
        "there is no partner",
    ),
    (("agreement", "list", "--after", "x"), "", 2, "/after"),
    (("agreement", "show", "nobody", "--party", "SE*ELS"), "", 1, "there is no partner"),
    (("agreement", "set", "nobody", "--party", "SE*ELS"), "", 1, "there is no partner"),
    (("agreement", "set", "nobody", "--asking", "perhaps"), "", 2, "perhaps"),
    (("agreement", "set", "nobody", "--most-sessions", "0"), "", 2, "/most_sessions"),
    (("agreement", "end", "nobody", "--party", "SE*ELS"), "", 1, "there is no partner"),
    (("partner", "list", "--party", "DE*XXX"), "", 1, "not a party of this installation"),
    (("token", "add", "X" * 37, "--contract", "C1"), "", 2, "37 characters"),
    (("token", "add", "04AA", "--contract", "C1", "--whitelist", "PERHAPS"), "", 2, "PERHAPS"),
    (("token", "add", "04AA", "--contract", "C1", "--party", "SE*ELS"), "", 1, "only an eMSP issues tokens"),
    (("token", "list", "--party", "DE*XXX"), "", 1, "not a party of this installation"),
    (("customer", "put", "K/1", "--name", "X"), "", 2, "not a customer's number"),
    (("customer", "put", "K1", "--name", "X", "--language", "swedish"), "", 2, "/language"),
    (contract(customer="NOBODY"), "", 1, "customer 'NOBODY'"),
    (("customer", "list", "--party", "DE*XXX"), "", 1, "not a party of this installation"),
    (("contract", "list", "--after", "x"), "", 2, "/after"),
    (("plan", "list", "--limit", "0"), "", 2, "/limit"),
    (plan("--mode", "FREE"), "", 2, "FREE"),
    (plan("--mode", "COST_PLUS", "--price-per-kwh", "-1"), "", 2, "not a price"),
    (plan("--mode", "COST_PLUS", "--price-per-kwh", "NaN"), "", 2, "not a price"),
    (plan("--mode", "FIXED_PER_KWH", "--markup-percent", "5"), "", 2, "has no mark-up"),
    (("tariff", "put", "-"), "{", 6, "cannot be read"),
    (("tariff", "put", "-"), '{"id": "T1", "currency": "SEK", "elements": []}', 6, "/elements"),
    (("tariff", "put", "/nowhere/tariff.json"), "", 2, "cannot be read"),
    (("tariff", "list", "--party", "DE*XXX"), "", 1, "not a party of this installation"),
    (("tariff", "quote"), "", 2, "either a tariff or --station"),
    (("tariff", "quote", "NONE"), "", 1, "there is no tariff"),
    (("tariff", "quote", "--station", "NOBODY"), "", 1, "station NOBODY is not in the records"),
    (("tariff", "quote", "NONE", "--language", "no"), "", 2, "no"),
    (("tariff", "quote", "NONE", "--energy-wh", "9"), "", 2, "--duration-s or --power-w"),
    (("tariff", "check", "-"), "[]", 6, "a JSON object"),
    (("tariff", "check", "-"), '{"id": "T1", "currency": "SEK", "elements": []}', 6, "/elements"),
    (("tariff", "check"), "", 2, "either a file or --tariff"),
    (("tariff", "check", "--tariff", "NONE"), "", 1, "there is no tariff"),
    (("tariff", "simulate", "-"), "{", 6, "cannot be read"),
    (("tariff", "simulate", "-", "--month", "2026-13"), "{}", 2, "/month"),
    (("location", "put", "-"), "[]", 6, "a JSON object"),
    (("location", "put", "-"), '{"id": "L1", "country_code": "DE", "party_id": "XXX"}', 6, "not ours"),
    (("location", "list", "--limit", "0"), "", 2, "/limit"),
    (("import", "irve", "-", "--party", "SE*RET"), "a;b\n1;2\n", 6, "the file is not IRVE"),
    (("import", "ocpi", "-", "--party", "SE*RET"), "null", 6, "no OCPI Location"),
    (("cdr", "list", "--since", "yesterday"), "", 2, "/since"),
    (("cdr", "list", "--state", "LOST"), "", 2, "no state of a CDR"),
    (("cdr", "list", "--check", "V53"), "", 2, "/check"),
    (("cdr", "explain", "NONE"), "", 1, "there is no CDR"),
    (("cdr", "show", "NONE"), "", 1, "there is no CDR"),
    (("cdr", "evidence", "NONE", "--to", "pack.zip"), "", 1, "there is no CDR"),
    (("cdr", "accept", "NONE"), "", 2, "reason"),
    (("cdr", "accept", "NONE", "--reason", "why"), "", 1, "there is no CDR"),
    (("cdr", "reject", "NONE", "--reason", ""), "", 2, "/reason"),
    (("cdr", "dispute", "NONE", "--reason", "why", "--check", "V00"), "", 2, "/check"),
    (("cdr", "check", "-", "--party", "SE*ELS"), "[]", 6, "holds no OCPI CDR"),
    (("cdr", "findings", "--party", "DE*XXX"), "", 1, "not a party of this installation"),
    (("cdr", "retry", "NONE"), "", 1, "there is no CDR"),
    (("cdr", "credit", "NONE"), "", 2, "reason"),
    (("cdr", "credit", "NONE", "--reason", "why", "--party", "SE*ELS"), "", 1, "issued no CDR"),
    (("cdr", "credit", "NONE", "--reason", ""), "", 2, "/reason"),
    (("cdr", "reissue", "NONE", "--party", "SE*ELS"), "", 1, "issued no CDR"),
    (("cdr", "transparency", "NONE", "--to", "values.xml"), "", 1, "there is no CDR"),
    (("bill", "export", "--month", "2026-13"), "", 2, "/month"),
    (("bill", "export", "--time-zone", "Europe/Atlantis"), "", 2, "not a time zone"),
    (("bill", "export", "--party", "DE*XXX"), "", 1, "not a party of this installation"),
    (("node", "list", "--limit", "1"), "", 2, "No such option"),
    (("node", "drain", "NOBODY"), "", 1, "there is no node"),
    (("finding", "list", "--limit", "many"), "", 2, "/limit"),
    (("meter", "report", "--by", "street"), "", 2, "street"),
    (("meter", "report", "--month", "2026-03", "--day", "2026-03-01"), "", 2, "expected one of"),
    (("meter", "report", "--after", "nowhere"), "", 2, "no place in this report"),
    (("meter", "export", "--station", "NOBODY"), "", 1, "there is no station"),
    (("meter", "export", "--day", "2026-02-30"), "", 2, "not a day"),
    (("meter", "load", "--time-zone", "Mars/Base"), "", 2, "not a time zone"),
    (("meter", "anomalies", "--since", "2020-01-01T00:00:00Z"), "", 2, "more than 400 days"),
    (("finding", "makes", "--limit", "0"), "", 2, "/limit"),
)


def test_every_verb_is_tried_with_something_wrong() -> None:
    tried = {" ".join(words[:2]) for words, *_ in WRONG}
    assert tried == {verb.name for noun in NOUNS for verb in verbs_of(noun)}


_TRIED = set[tuple[tuple[str, ...], str]]()
"""At the installation of this file, which all its tests share."""


@pytest.mark.parametrize(
    ("words", "stdin", "code", "says"), WRONG, ids=[" ".join(words)[:60] for words, *_ in WRONG]
)
def test_a_wrong_input_ends_with_its_code_and_says_what_was_wrong(
    home: Installation, words: tuple[str, ...], stdin: str, code: int, says: str
) -> None:
    outcome = home.run(*words, "--json", stdin=stdin)
    _TRIED.add((words, stdin))
    assert outcome.code == code, outcome
    assert says in outcome.stderr
    assert outcome.stdout == ""
    assert "Traceback" not in outcome.stderr
    assert "secret-a" not in outcome.stderr


def test_a_refusal_has_no_effect(home: Installation) -> None:
    for words, stdin, *_ in WRONG:
        if (words, stdin) not in _TRIED:
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
