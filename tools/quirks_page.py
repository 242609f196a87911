"""The page of stations' and peers' quirks, made from the tables that act on them."""

from __future__ import annotations

from collections.abc import Iterator

from elstrada.model.peer_quirk import PeerQuirkRow
from elstrada.model.quirk import Quirk, Repair
from elstrada.roles.quirks.peers import peer_quirks
from elstrada.roles.quirks.table import ours

HEAD = """# Quirks of stations' software

Made by `make docs` from `roles/quirks/rows.toml`; do not edit.

What is known of a make of station is a row of data: who has the quirk, what is done about it, why, who says so, and
which test proves it. A station's rows are found by what it says when it boots (vendor, model and firmware), and anew
whenever it boots with something else; until then those of its last boot count. `elstrada station quirks ALPHA-1` says
which a station has, and `elstrada station quirks` lists all.

Each time a quirk is met it is counted among the findings, as `quirk NAME`. What strays and is explained by no row is a
finding with the rule it breaks and a sample; `elstrada station quirks ALPHA-1` lists these as unexplained deviations.
They are what to report to the maker, and what a new row is made of. Nothing is dropped for want of a row.

## Otherwise for one station, or for an installation

`elstrada station treat ALPHA-1 --quirk openevse-kwh=off` says that a station does not have a quirk of its make, `=on`
that it has one its make does not tell, and `=auto` forgets what was said. It holds from the next connection on.

An installation's own rows stand in a TOML file that `stations.quirks` names. They are of the same form as ours; a row of
the same name stands for ours, and with no `does` it switches it off. A file that cannot be used is refused at the start
and by `elstrada doctor`, with the row and why.

```toml
[[quirk]]
name = "acme-kwh"
vendor = "ACME"            # How the name begins, in any case; a regular expression. Likewise model and firmware,
model = "Wall(box)? 2"     # which may be left out.
firmware = '1\\.[0-3]\\.'
reason = "tells its registers in kWh and calls them Wh"
sources = ["https://acme.example/errata/7"]
does = { repairs = ["kwh-as-wh"] }
```

## What a row may do

| `does` | |
|---|---|
| `repairs` | put messages of OCPP 1.6 right before they are read: see below |
| `token_tail` | these characters are taken off a token that is longer than OCPP 1.6 allows |
| `explains` | a deviation is expected, so that it is no news: `rule`, `action`, and how its pointer ends |
| `pinged = false` | it is not pinged |
| `assumes` | the subprotocol, where none is offered; its make is looked up at the first knock, and it is let in at the next |
| `never_called` | actions that are not sent; `TriggerMessage MeterValues` is a trigger of that message |
| `names_connector` | actions in which its only connector is named; of several the command has to say which |
| `asked_all_keys = false` | it is not asked for its configuration without naming keys; its inventory is that of the standard's keys |
| `most_keys` | it is not asked for more configuration keys at once |
| `limit_skips`, `limit_max_stack_level` | purposes of charging profiles that are not tried, and the highest level |

What is not sent is answered `NOT_SUPPORTED`, with the row's reason and source.

| repair | |
|---|---|
"""

PEERS = """
# Quirks of partners' platforms

What a partner's platform does otherwise than OCPI has it is a switch on the connection, off unless an operator says so:
`elstrada partner quirk nord --quirk raw-token-taken=on`. It holds from the next request on. `elstrada partner show nord` shows
which are on, what the partner sent that strays, and which quirk it shows though it is off; `elstrada partner quirks`
lists all. Each time one is met it is counted among the partner's findings, as `quirk NAME`, whether it is on or off.

What costs nobody anything needs no switch and is understood from everybody: HTTP 403 where 401 is due, a slash more or
less at the end of an address that we serve, identifiers in another case, longer texts than allowed, unknown fields,
`+00:00` for `Z`, no body where an envelope is due. What strays in objects is a finding with its field and rule. What we
write keeps to the standard.
"""


def page() -> str:
    """The whole page."""
    rows = "".join(_row(row) for row in ours().rows)
    return (
        HEAD + "".join(_repairs()) + "\n## The rows\n" + rows + PEERS + "".join(map(_peer_row, peer_quirks()))
    )


_REPAIRS = {
    Repair.EMPTY_VALUES: "nothing stands where JSON wants a value: the field is left out",
    Repair.LONE_OBJECTS: "a list of one was sent as that one",
    Repair.NUMBERS_AS_TEXT: "sampled values are numbers, where texts are due",
    Repair.KWH_AS_WH: "registers are kWh and are called Wh, meterStart and meterStop too",
    Repair.REPEATED_BEGIN: "each message repeats the register of the session's begin, which is left out",
    Repair.LOCAL_TIME: "times without zone are local to the station's location, which it needs (`station place`)",
}


def _repairs() -> Iterator[str]:
    for repair in Repair:
        yield f"| `{repair.value}` | {_REPAIRS[repair]} |\n"


def _peer_row(row: PeerQuirkRow) -> str:
    sources = ", ".join(f"<{source}>" for source in row.sources)
    return (
        f"\n## {row.name.value}\n\nSuch a partner {row.reason}.\n\n- does: {row.does}\n- source: {sources}\n"
        f"- test: `{row.test}`\n"
    )


def _row(row: Quirk) -> str:
    fits = (("vendor", row.vendor), ("model", row.model), ("firmware", row.firmware))
    who = ", ".join(f"{name} `{pattern}`" for name, pattern in fits if pattern)
    sources = ", ".join(f"<{source}>" for source in row.sources)
    does = "; ".join(row.does.words())
    return (
        f"\n### {row.name}\n\nThis model {row.reason}.\n\n- who: {who}\n- does: {does}\n- source: {sources}\n"
        f"- test: `{row.test}`\n"
    )
