"""A crowd of rows for lists: as many as one likes that a filter passes over, and behind them the few it wants."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import msgspec
from sqlalchemy import BigInteger, Boolean, Connection, Integer, LargeBinary, SmallInteger, Table

from elstrada.model.allowance import Allowance
from elstrada.model.booking import BookingLocation, BookingPlan, BookingState, Calendar, Period, Timeslot
from elstrada.model.device import Station
from elstrada.model.facts import StrayReported
from elstrada.model.ids import PartyId
from elstrada.model.invoice import Contract, Customer, Plan, RetailMode
from elstrada.model.location import GeoLocation, Location
from elstrada.model.mirror import ItemKind, Variable
from elstrada.model.notices import Notice, NoticeKind
from elstrada.model.party import BusinessDetails, ConnectionStatus, Party, Peer, PeerState, Role
from elstrada.model.reconciliation import InvoiceRecord
from elstrada.model.tariff import Tariff
from elstrada.model.terminal import Terminal, TerminalSession
from elstrada.model.terminal_payment import TapState, TerminalPayment
from elstrada.model.token import Token, Whitelist
from elstrada.model.web_payment import PaymentState, WebPayment
from elstrada.spine import tables as t
from elstrada.spine.columns import Amount, Moment
from elstrada.spine.face import Cell, Row

OWNER = PartyId("SE", "ELS")
NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
FEW = 3
"""Rows that filters want; they are the oldest."""
WANTED: dict[str, Cell] = {
    "station_id": "S1",
    "source": "station:SE*ELS/S1",
    "state": "HELD",
    "kind": "LOG",
    "severity": 2,
    "contract_id": "C1",
    "firmware_id": "F1",
    "peer_id": "P1",
}
"""What the few have in common."""
PASSED: dict[str, Cell] = {
    "station_id": "S2",
    "source": "station:SE*ELS/S2",
    "state": "DELIVERED",
    "kind": "FIRMWARE",
    "severity": 9,
    "contract_id": "C2",
    "firmware_id": "F2",
    "peer_id": "P2",
}
_CALENDAR = Calendar(
    id="1",
    begin_from=NOON,
    end_before=NOON + timedelta(days=1),
    available_timeslots=(Timeslot(Period(NOON, NOON + timedelta(hours=1))),),
    last_updated=NOON,
)
_CROWDED = (
    t.session,
    t.station_notice,
    t.stray,
    t.command,
    t.cdr,
    t.invoice_record,
    t.invoiced_cdr,
    t.bill_line,
    t.connector_state,
    t.station_item,
    t.station_report,
    t.allowance,
    t.token,
    t.location,
    t.tariff,
    t.peer,
    t.agreement,
    t.hub_exchange,
    t.finding,
    t.firmware_image,
    t.transfer,
    t.unknown_station,
    t.station_certificate,
    t.reservation,
    t.roamed_reservation,
    t.roamed_profile,
    t.booking,
    t.booking_location,
    t.roamed_booking,
    t.web_payment,
    t.client,
    t.terminal,
    t.terminal_session,
    t.terminal_payment,
    t.customer,
    t.contract,
    t.plan,
)


def fill(connection: Connection, count: int) -> None:
    """Fill all tables that lists are of with ``count`` rows and the few, written as they stand."""
    roles = (Role.CPO, Role.EMSP, Role.PTP, Role.HUB)  # All lists are of one party.
    own = Party(OWNER, roles, BusinessDetails("Elstrada"))
    connection.execute(t.party.insert(), {"party": str(OWNER), "document": _json(own)})
    for table in _CROWDED:
        rows = crowd(table, count)
        while some := [row for _, row in zip(range(5_000), rows, strict=False)]:
            connection.execute(table.insert(), some)
    for name in ("S1", "S2", *(f"T{n:06d}" for n in range(count))):
        station = {"document": _json(Station(owner=OWNER, id=name)), "changed_at": NOON}
        key = {"owner": str(OWNER), "station_id": name}
        connection.execute(t.station.insert(), key | station)
        away = None if name == "S1" else f"c{name}"
        connection.execute(
            t.station_state.insert(),
            key | {"connection_id": away, "disconnected_at": NOON, "connected_at": NOON},
        )


def crowd(table: Table, count: int) -> Iterator[dict[str, Cell]]:
    """The few, and ``count`` others."""
    for number in range(FEW + count):
        few = number < FEW
        row: dict[str, Cell] = {column.name: _cell(column.type, number) for column in table.columns}
        row |= {name: str(OWNER) for name in ("owner", "party", "cdr_party") if name in row}
        row |= {name: cell for name, cell in (WANTED if few else PASSED).items() if name in row}
        row |= _own(table, number, few=few)
        if "document" in row:
            row["document"] = _document(table, row)
        yield row


def _own(table: Table, number: int, *, few: bool) -> dict[str, Cell]:
    """What rows of a table need beyond what the types of its columns say."""
    ended = NOON + timedelta(seconds=number)
    match table.name:
        case "session":
            over: dict[str, Cell] = {"ended_at": None, "completed_at": None} if few else {"ended_at": ended}
            return {"presumed": None, "meter_lacks": None, **over}
        case "command":
            return {"name": "RESET" if few else "UNLOCK", "result": None if few else "ACCEPTED"}
        case "connector_state":
            return {"status": "Faulted" if few else "Available"}
        case "cdr":
            return {
                "cost": None,
                "credited_by": None,
                "replaced_by": None,
                "token_party": "SE*RET",
                "findings": "V20 H: dear" if few else "",
            }
        case "invoice_record":
            return {"invoice_id": "I1" if few else "I2", "to_party": "SE*RET", "ended_at": None}
        case "invoiced_cdr":
            return {"record_id": f"{number:08d}", "ended_at": None}
        case "location":
            return {"source": "irve" if few else "own"}
        case "unknown_station":
            return {"station_id": f"{number:08d}"}
        case "finding" if not few:
            return {"source": f"station:{number % 97}"}
        case "station_item":
            return {"kind": (ItemKind.VARIABLE if few else ItemKind.MONITOR).value}
        case "agreement":
            digits = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"
            code = "".join(digits[number // 36**place % 36] for place in (2, 1, 0))
            return {"party": f"SE*{code}", "ended_at": None}
        case "peer":
            return {"peer_id": f"{number:08d}", "state": "ACTIVE"}
        case "hub_exchange":
            return {"sender": str(OWNER), "receiver": "SE*RET" if few else "SE*XXX"}
        case "reservation":
            return {"state": "HELD", "ended_at": None} if few else {"state": "USED", "ended_at": ended}
        case "roamed_reservation":
            # None is over by its time.
            return {"state": "ACCEPTED" if few else "CANCELED", "expires_at": ended + timedelta(days=365)}
        case "roamed_profile":
            return {"wanted": None, "active": None}
        case "client":
            status = ConnectionStatus.OFFLINE if few else ConnectionStatus.CONNECTED
            party = f"SE*{_three(number)}"
            told = {"reason": "TOLD", "role": "EMSP", "hub": "hub"}
            return {**told, "status": status.value, "party": party}
        case "booking" | "roamed_booking":
            state: Cell = (BookingState.RESERVED if few else BookingState.NO_SHOW).value
            own: dict[str, Cell] = {"state": state, "location_id": "L1" if few else "L2"}
            return own | {"ended_at": None if few else ended} if table.name == "booking" else own
        case "booking_location":
            # Of ours and of a partner's, some of each.
            mine = number % 2 == 0
            return {
                "location_id": "L1" if few else "L2",
                "peer_id": "" if mine else WANTED["peer_id"] if few else PASSED["peer_id"],
                "plan": _json(BookingPlan(evse_uids=("E1",), time_zone="Europe/Stockholm")),
            }
        case "web_payment":
            going_on = PaymentState.OPEN if number else PaymentState.STARTED
            over = PaymentState.SETTLED
            return {"payment_id": f"p{number:08d}", "evse_id": 1, "state": (going_on if few else over).value}
        case "terminal":
            return {"terminal_id": f"T{number:08d}", "state": "READY" if few else "ACTIVE", "cpo": str(OWNER)}
        case "terminal_session":
            return {"reference": f"R{number:08d}", "state": "SHORT" if few else "PAID"}
        case "terminal_payment":
            return {"terminal_id": "TERM-1" if few else "TERM-2", "state": "DUE" if few else "SETTLED"}
        case "station_report":
            return {"kind": (ItemKind.VARIABLE if few else ItemKind.MONITOR).value, "parts": "[0]"}
        case "contract":
            return {"contract_id": f"{number:08d}", "customer_id": "K1" if few else "K2"}
        case "firmware_image":
            return {"firmware_id": f"F{number + 1}"}
        case "transfer":
            return {"purpose": "LOG", "state": "DONE"}
        case _:
            return {}


def _three(number: int) -> str:
    """A party's letters, of its own for each number below 46656."""
    digits = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"
    return digits[number // 1296 % 36] + digits[number // 36 % 36] + digits[number % 36]


def _cell(kind: object, number: int) -> Cell:
    match kind:
        case Moment():
            return NOON + timedelta(seconds=number)
        case Amount():
            return Decimal(number)
        case SmallInteger():
            return 1
        case BigInteger() | Integer():
            return number
        case Boolean():
            return False
        case LargeBinary():
            return f"{number:08d}".encode()
        case _:
            return f"{number:08d}"


def _document(table: Table, row: Row) -> str:
    made: dict[str, Callable[[], msgspec.Struct]] = {
        "station_notice": lambda: Notice(kind=NoticeKind(str(row["kind"])), at=NOON, status="Uploaded"),
        "stray": lambda: StrayReported("EndSession", "-1", NOON, "{}"),
        "station_item": lambda: Variable(name=str(row["key"])),
        "allowance": lambda: Allowance(currency="SEK"),
        "token": lambda: Token(
            party=OWNER,
            uid=str(row["uid"]),
            contract_id=str(row["contract_id"]),
            issuer="Elstrada",
            valid=True,
            whitelist=Whitelist.ALLOWED,
            last_updated=NOON,
        ),
        "location": lambda: Location(
            party=OWNER,
            id=str(row["location_id"]),
            address="Storgatan 1",
            city="Borås",
            country="SWE",
            coordinates=GeoLocation("57.0", "12.0"),
            time_zone="Europe/Stockholm",
            last_updated=NOON,
        ),
        "booking_location": lambda: BookingLocation(
            party=OWNER,
            id=str(row["booking_location_id"]),
            location_id=str(row["location_id"]),
            calendars=(_CALENDAR,),
            last_updated=NOON,
        ),
        "tariff": lambda: Tariff(
            party=OWNER, id=str(row["tariff_id"]), currency="SEK", elements=(), last_updated=NOON
        ),
        "invoice_record": lambda: InvoiceRecord(
            party=OWNER,
            id=str(row["record_id"]),
            invoice_id=str(row["invoice_id"]),
            cdrs=(str(row["record_id"]), "unknown"),
            last_updated=NOON,
        ),
        "web_payment": lambda: WebPayment(
            payment_id=str(row["payment_id"]),
            station_id=str(row["station_id"]),
            evse_id=1,
            amount=Decimal(50),
            currency="SEK",
            state=PaymentState(str(row["state"])),
            created_at=NOON,
        ),
        "peer": lambda: Peer(
            owner=OWNER,
            id=str(row["peer_id"]),
            state=PeerState.ACTIVE,
            changed_at=NOON,
            hub=PartyId("SE", "HUB") if row["peer_id"] == "00000000" else None,
        ),
        "customer": lambda: Customer(owner=OWNER, id=str(row["customer_id"]), name="Anna"),
        "contract": lambda: Contract(
            owner=OWNER,
            id=str(row["contract_id"]),
            customer_id=str(row["customer_id"]),
            plan_id="P",
            supply_point_id="1",
            valid_from=NOON.date(),
        ),
        "plan": lambda: Plan(
            owner=OWNER, id=str(row["plan_id"]), name="El", mode=RetailMode.FIXED_PER_KWH, currency="SEK"
        ),
        "terminal": lambda: Terminal(terminal_id=str(row["terminal_id"]), last_updated=NOON),
        "terminal_session": lambda: TerminalSession(
            reference=str(row["reference"]), location_id="L1", evse_uid="E1"
        ),
        "terminal_payment": lambda: TerminalPayment(
            payment_id=str(row["payment_id"]),
            terminal_id=str(row["terminal_id"]),
            peer_id="P1",
            cpo=OWNER,
            location_id="L1",
            evse_uid="E1",
            connector_id="1",
            amount=Decimal(50),
            currency="SEK",
            state=TapState(str(row["state"])),
            created_at=NOON,
        ),
    }
    if table.name in _READ:
        return _READ[table.name]
    return _json(made[table.name]()) if table.name in made else "{}"


_READ = {"cdr": '{"cdr_location":{"city":"Borås"}}', "bill_line": '{"place":"Borås"}'}
"""What lists read of long documents."""


def _json(value: msgspec.Struct) -> str:
    return msgspec.json.encode(value).decode()
