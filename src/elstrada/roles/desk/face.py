"""What the desk works with, and what it answers when it does not do what it was asked."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Generic, Protocol, TypeVar

import msgspec

from elstrada.model.ids import PartyId
from elstrada.model.party import Peer
from elstrada.model.quirk import QuirkTable
from elstrada.model.waits import Waits
from elstrada.net.face import Chance, Clock
from elstrada.roles.files.addresses import Files
from elstrada.roles.keys import Keys
from elstrada.roles.quirks.table import load_quirks
from elstrada.spine.face import Row, Spine
from elstrada.spine.post import Post

if TYPE_CHECKING:
    from elstrada.model.booking import BookingRequest
    from elstrada.model.preferences import ChargingPreferences
    from elstrada.model.profile import Schedule
    from elstrada.roles.payments.taps import Taps
    from elstrada.roles.roaming.booker import Asked
    from elstrada.roles.roaming.commander import Ended, Wish
    from elstrada.roles.roaming.steersman import AtPartner, Preferred, Steered
    from elstrada.roles.roaming.terminals import Terminals


class Kind(StrEnum):
    """Why a verb was not done."""

    USAGE = "usage"
    """A parameter cannot be understood."""
    INVALID = "invalid"
    """A document was read and found wrong."""
    MISSING = "missing"
    """Something named does not exist."""
    CONFLICT = "conflict"
    """It exists already, or is in another state."""
    REFUSED = "refused"
    """The station or the peer said no."""
    UNREACHABLE = "unreachable"
    """The server, the station or the peer cannot be reached."""
    UNKNOWN = "unknown"
    """It was asked for, and whoever was to do it went before they said how it ended: perhaps it is done."""


class Problem(msgspec.Struct, frozen=True):
    """One thing wrong with a document."""

    pointer: str
    """JSON pointer to it."""
    says: str


class Refusal(msgspec.Struct, frozen=True, omit_defaults=True):
    """What was wrong, where, and what to do: the answer of a verb that was not done."""

    kind: Kind
    says: str
    """What is wrong and what was expected. Never a secret or a whole token."""
    hint: str = ""
    """What to do about it."""
    pointer: str = ""
    """JSON pointer into the parameters."""
    problems: tuple[Problem, ...] = ()
    """Of a document that is invalid: everything that is wrong with it."""


class Refused(Exception):
    """Carries a refusal from where it was found to where the verb is answered; never leaves the desk."""

    def __init__(
        self, kind: Kind, says: str, hint: str = "", pointer: str = "", problems: tuple[Problem, ...] = ()
    ) -> None:
        super().__init__(says)
        self.refusal = Refusal(kind, says, hint, pointer, problems)


class Registrar(Protocol):
    """Makes roaming connections (``roles.roaming.registrar``). Both raise NotRegistered, with the reason."""

    async def invite(self, owner: PartyId, peer_id: str) -> str:
        """Expect a new peer; returns token A, which it needs to register with us."""
        ...

    async def register(self, owner: PartyId, peer_id: str, versions_url: str, token_a: str) -> Peer:
        """Register with a peer that gave us a token A."""
        ...


class Commander(Protocol):
    """Has partners' stations do something (``roles.roaming.commander``)."""

    async def reserve(self, peer: Peer, wish: Wish) -> tuple[str, Ended]:
        """Have an EVSE kept; returns the reservation's id, and how that ended."""
        ...

    async def cancel(self, peer: Peer, row: Row) -> Ended:
        """Have the reservation of this record cancelled."""
        ...

    async def book(self, peer: Peer, cpo: PartyId, request: BookingRequest, before: Row | None) -> Asked:
        """Ask for a booking, another form of it, or none any more; ``before`` is its record, if there is one."""
        ...


class Steersman(Protocol):
    """Has a say in how our drivers' sessions charge at partners' stations (``roles.roaming.steersman``)."""

    async def prefer(self, at: AtPartner, wanted: ChargingPreferences) -> Preferred:
        """Tell what a driver wants."""
        ...

    async def set(self, at: AtPartner, wanted: Schedule) -> Steered:
        """Have a session limited over time."""
        ...

    async def clear(self, at: AtPartner) -> Steered:
        """Have our limits taken back."""
        ...

    async def get(self, at: AtPartner, duration_s: int) -> Steered:
        """Ask what the station allows."""
        ...


class Desk(msgspec.Struct, frozen=True, kw_only=True):
    """What verbs act on. The living parts are there only inside a serving node."""

    spine: Spine
    keys: Keys
    clock: Clock
    chance: Chance
    post: Post | None = None
    registrar: Registrar | None = None
    commander: Commander | None = None
    steersman: Steersman | None = None
    terminals: Terminals | None = None
    """Speaks with providers of payment terminals, and as one."""
    taps: Taps | None = None
    """Takes payments at terminals of ours; None: there is no payment provider."""
    versions_url: str = ""
    """Where peers find our OCPI versions; known to a serving node only."""
    waits: Waits = Waits()
    wall: Clock | None = None
    """The machine's, by which nodes say that they live; None: ``clock`` is it."""
    files: Files | None = None
    """The file service; None: there is none here."""
    quirks: QuirkTable = msgspec.field(default_factory=load_quirks)
    """Of stations, as they count in this installation."""
    pay_url: str = ""
    """Where drivers pay on the web, without a slash at the end; empty: nowhere."""
    wire_log_dir: Path | None = None
    """Where wire logs of this machine are; None: nowhere."""


class Part(StrEnum):
    """A living part that a verb needs."""

    POST = "post"
    REGISTRAR = "registrar"
    COMMANDER = "commander"
    STEERSMAN = "steersman"
    TERMINALS = "terminals"


Params = TypeVar("Params", bound=msgspec.Struct)
Result = TypeVar("Result")


class Verb(msgspec.Struct, Generic[Params, Result], frozen=True):
    """One thing the operator can have done."""

    name: str
    """Noun and verb: ``station add``."""
    says: str
    """One line of help."""
    params: type[Params]
    """Refuses unknown fields; a field of type bytes is the content of a file."""
    result: type[Result]
    """A struct, or a tuple of them."""
    do: Callable[[Desk, Params], Awaitable[Result]]
    needs: Part | None = None
    show: Callable[[Result], str] | None = None
    """How the result reads for people; None: as a table of its fields."""
    file: Callable[[Result], bytes] | None = None
    """The result as a file for other programs, which gets these bytes and no others; it goes before ``show``."""
    fails: Callable[[Result], bool] | None = None
    """Does the result tell of something wrong? Then a command ends as where a check found something."""
    note: str = ""
    """What people are told beside the result."""
    remarks: Callable[[Result], Iterable[str]] | None = None
    """What they are told beside this very result."""
    arguments: int = 1
    """How many of the required parameters a command line takes by their place."""
    look: str = ""
    """The verb that shows whether it was done; empty: as ``table`` has it for its noun."""
    reads: bool = False
    """It changes nothing, so whatever became of it, it can be done again."""
    optional: str = ""
    """The parameter that it takes by its place after them, if it is there."""


AnyVerb = Verb[msgspec.Struct, object]
"""A verb whose types are known to itself only; ``params_of`` keeps them together."""
