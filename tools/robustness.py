"""What users of charging systems complain about, as sentences that a test can prove, and which tests do.

A test proves a sentence by its mark, ``pytest.mark.rule(number)``.
"""

from __future__ import annotations

from collections.abc import Iterator

from proofs import Test, marked, proven, section

SENTENCES: dict[str, dict[int, str]] = {
    "Connection": {
        1: "Of two connections of one identity the living one speaks: a newcomer replaces a silent one, and the late end of an old socket never unregisters the new.",
        2: "After a hundred stations have dropped and come back at once, all are served within seconds.",
        3: "A station that is gone without a word is found within two ping intervals, and pings can be switched off for one that never answers them.",
        4: "A station that comes back without a BootNotification is usable at once, and one that boots at every connection keeps its sessions.",
        5: "What is asked of a station after it came back waits until it has settled, and is asked at most once.",
        6: "A missing or odd subprotocol is refused in a line that names station and offer, unless the station's record says what it speaks.",
        7: "A password is taken as bytes, and as hexadecimal digits from stations marked so; it is compared in constant time.",
        8: "The version is that of the connection: a station that changes it keeps its identity and is held to the right schema.",
    },
    "Messages": {
        9: "A call that comes while one of ours is open is served.",
        10: "A station may be called while one of its own calls is being served.",
        11: "An answer after its deadline is matched to its command and said.",
        12: "The same call again, also on another connection or node, gets the same answer and changes nothing.",
        13: "A start that is sent again under a new message id gets its first transaction number.",
        14: "A repeated stop, or late news of an ended session, is acknowledged and not counted twice.",
        15: "A fault of our store never becomes an error to a station, which would discard the message.",
        16: "Transaction numbers are positive and differ over all stations.",
        17: "A stop with a wrong transaction ends the one session that it fits, or is kept for review, and is accepted.",
        18: "A session whose end never comes is closed by rule, and opened again if the end does come.",
        19: "Order is that of numbers and times, not of arrival; gaps are named, and the past does not change how a station is now.",
    },
    "Strictness": {
        20: "What strays from the schema without damage is stored, answered and counted; a station can be held to the letter.",
        21: "What does damage gets the right error, and a flood of it slows nobody else.",
        22: "Times without a zone, with half of one, or of 1970 are put right and marked.",
    },
    "Metering": {
        23: "A register that begins at a false 0 does not bill the meter's whole life.",
        24: "Meter values without a transaction go to the session that runs at their connector.",
        25: "Readings out of line are kept and change no bill.",
        26: "Units, phases and decimal commas are made plain once.",
        27: "Stations that have no meter, or tell power only, are recognised, with a report of what is missing.",
    },
    "Smart charging": {
        28: "A station's limits are known before it is sent a charging profile, and one that it lacks is replaced.",
        29: "Absolute and recurring profiles say when they start, relative ones never.",
        30: "That a profile was accepted is not believed but checked.",
        31: "Profiles are sent again where a station may have forgotten them.",
    },
    "Operation": {
        32: "A command to a station that is away is answered so at once.",
        33: "A remote start that was accepted and led to nothing is told to whoever asked.",
        34: "Frames that are too large are split or refused before they are sent.",
        35: "Every frame of both directions can be found per station for 30 days, without secrets.",
        36: "Lists stay fast with a million sessions.",
        37: "No station is dropped because there are many.",
        38: "A new model can be held while it is looked at; one that calls before it was accepted is told so.",
        39: "Unknown data, actions and custom fields never break the connection.",
    },
}

NOT_YET: dict[int, str] = {}
"""Sentences that no test proves, and why."""

NOT_WHOLE: dict[int, str] = {
    7: "constant time is not measured",
    32: "it cannot be queued",
    34: "a list of tokens in a `station call` is refused, not split",
    38: "an OCPP 1.6 station that charges before it was accepted is not refused: its session is recorded",
}
"""What the tests of a sentence leave out."""


def proofs() -> dict[int, list[str]]:
    """The tests that bear each number, as ``file::name`` below ``tests/``."""
    return proven(_marks)


def _marks(test: Test) -> Iterator[int]:
    return marked(test, "pytest.mark.rule")


def page() -> str:
    """docs/protocols/robustness.md."""
    known = proofs()
    head = (
        "# What stations do to a system, and what it does about it\n\n"
        "Made by `make docs` from `tools/robustness.py` and the marks of the tests; do not edit.\n\n"
        "Each sentence answers complaints about charging systems in public issue trackers. A test proves it, or\n"
        "it is said why none does yet.\n"
    )
    return head + "".join(
        section(name, rules, known, NOT_YET, NOT_WHOLE) for name, rules in SENTENCES.items()
    )
