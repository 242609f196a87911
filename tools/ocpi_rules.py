"""What peers get wrong between two systems of OCPI, as sentences that a test can prove, and which tests do.

A test proves a sentence by its name (``test_r40_…``) or by its mark, ``pytest.mark.roaming_rule(number)``.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from proofs import Test, marked, proven, section

SENTENCES: dict[str, dict[int, str]] = {
    "Credentials and transport": {
        1: "From 2.2.1 on a token is shown in base64; a wrong, missing or strange Authorization header is HTTP 401.",
        2: "In 2.1.1 a token is shown as it is; elsewhere a raw token is taken from marked peers only.",
        3: "A token that decodes with a line end is taken from marked peers only.",
        4: "Token A opens versions and credentials, and nothing else.",
        5: "Token A is void once the registration succeeded, and still good after one that failed.",
        6: "Registering twice, and renewing or ending what is not registered, are HTTP 405.",
        7: "While credentials are renewed, the old and the new token are good until the new one is known to have arrived.",
        8: "The invited side calls back with token B before it answers; if that fails, it is 3001 and nothing is stored.",
        9: "A role of a party twice is 2001; a request in the name of a party that the peer does not speak for is refused.",
        10: "Who a partner is, its token says and never its URL: many may share one.",
        11: "GET credentials shows the token that the caller uses.",
        12: "An endpoint is chosen by its identifier and its role; that of credentials counts for nothing.",
        13: "No address that a peer supplies is called before it is guarded.",
    },
    "Messages": {
        14: "Every request has an id of its own, and every response echoes both ids.",
        15: "Every functional request carries the four routing headers, also from the background.",
        16: "Versions, credentials and hub client info need no routing headers.",
        17: "`timestamp` is the time of the response, in UTC, with Z.",
        18: "A time without a zone is UTC, and offsets are understood; what is written ends in Z.",
        19: "`data` is an object for an object and a list for a list.",
        20: "What is no JSON is HTTP 400 in an envelope, what is no OCPI is 2001; never a framework's own error.",
        21: "Unknown fields and unknown values of open enums are kept and passed on, and refuse nothing.",
        22: "Ids compare without case and keep the case they were written with.",
        23: "A slash at the end of an address changes nothing.",
        24: "Routes of the two sides with as many segments never mean each other.",
    },
    "Lists": {
        25: "Without `date_to` a list has no upper bound.",
        26: "`date_from` is inclusive, `date_to` exclusive.",
        27: "The last page has no Link; every other repeats all filters, at the public address.",
        28: "A client follows Link to its end, begins again when the list has changed, and takes each object once.",
        29: "A limit above the cap gets the cap and says so; what is no number is 2001.",
        30: "Sessions are listed with `date_from` only.",
    },
    "Objects": {
        31: "The first PUT of an object is 201, the next 200.",
        32: "An object of another party, or in another's place, is not stored.",
        33: "A PATCH without `last_updated` is 2001.",
        34: "Older news overwrite nothing newer.",
        35: "News of an EVSE or a connector raise the dates above, and the location appears in later lists.",
        36: "After a PATCH that failed the whole object is put.",
        37: "A PATCH of a session adds charging periods, a PUT replaces them.",
        38: "An EVSE that is removed stays listed as REMOVED; nobody deletes a location.",
        39: "What is not published is shown only to those whom it names.",
        40: "A CDR posted can be got as it was, at the absolute address that its answer names.",
        41: "The same CDR twice is stored and billed once.",
        42: "A credit CDR has its own id, names what it credits, and only its cost is negative.",
        43: "A CDR has the tariffs and the place as they were when its session began.",
        44: "A token is known by party, uid and type.",
        45: "A tariff's id is good within its party alone.",
        46: "An empty list may be absent, empty or null, and means the same.",
    },
    "Authorization and commands": {
        47: "An unknown token is HTTP 404 and 2004 without data; a blocked one is an answer.",
        48: "An eMSP that needs to know where, and was not told, answers 2002.",
        49: "Each kind of whitelist asks, does not ask, or falls back, as the standard has it.",
        50: "Nobody is asked about a session that the driver's own eMSP has ordered.",
        51: "The reference given last with an authorization stands in session and CDR.",
        52: "What is posted to `response_url` is the bare result.",
        53: "Two commands at once get each their own result.",
        54: "A command that is not answered in time has TIMEOUT as its one result.",
        55: "A session that comes after its command was refused or timed out is taken.",
        56: "A session that stays PENDING ends as INVALID, and the peers are told.",
        57: "Reservations of two eMSPs with the same id do not touch each other.",
        58: "A reservation that its eMSP sends again replaces the former one.",
        59: "Preferences at an EVSE without that capability are HTTP 404 and 2001.",
        60: "Where an EVSE wants the connector named, a start without it is refused, and ours always name it.",
    },
    "Prices": {
        61: "Of each dimension the first element that fits counts, and dimensions may come from different elements.",
        62: "A step is applied once in a session: of energy to the last, of both times together to the last of both.",
        63: "Hours and days are those of the location's own clock, also when the clocks change.",
        64: "The least and the greatest price bind the totals before and after tax, each by itself.",
        65: "Money and measures are exact decimals, at most four of them on the wire.",
        66: "A price list of 2.2.1 is without tax in 2.3.0; one with tax is not shown in 2.2.1 as if it were without.",
        67: "Parking is the time in which the car asks for no power.",
    },
    "Hub": {
        68: "An unknown receiver, a slow one and one that is not connected are 4001, 4002 and 4003.",
        69: "A broadcast goes to all others of the right role, in the hub's name, and one that fails fails alone.",
        70: "A list asked of all is one list with right pages; one asked of a party is that party's.",
        71: "Nobody speaks through the hub for a party that is not its own.",
        72: "A party that no longer answers is OFFLINE, and all are told.",
    },
}

NOT_YET: dict[int, str] = {}
"""Sentences that no test proves, and why."""

NOT_WHOLE: dict[int, str] = {
    21: "of what is pulled from a partner's list, but for CDRs, unknown fields are not kept",
}
"""What the tests of a sentence leave out."""

_NAMED = re.compile(r"test_((?:r\d\d_)+)")


def proofs() -> dict[int, list[str]]:
    """The tests that bear each number, as ``file::name`` below ``tests/``."""
    return proven(_numbers)


def _numbers(test: Test) -> Iterator[int]:
    named = _NAMED.match(test.name)
    yield from (int(one) for one in re.findall(r"\d\d", named[1])) if named else ()
    yield from marked(test, "pytest.mark.roaming_rule")


def page() -> str:
    """docs/protocols/ocpi-rules.md."""
    known = proofs()
    head = (
        "# What goes wrong between two systems of OCPI, and what we do\n\n"
        "Made by `make docs` from `tools/ocpi_rules.py` and the names and marks of the tests; do not edit.\n\n"
        "Each sentence answers complaints in public issue trackers, or a place where the standard leaves room.\n"
        "A test proves it, or it is said why none does yet.\n"
    )
    return head + "".join(
        section(name, rules, known, NOT_YET, NOT_WHOLE, "R-{:02}") for name, rules in SENTENCES.items()
    )
