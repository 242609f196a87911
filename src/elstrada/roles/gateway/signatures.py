"""Signed messages at the gateway: opened, checked as their station's record says, and never taken twice."""

from __future__ import annotations

import hashlib
from collections import OrderedDict

from elstrada.model.device import Station
from elstrada.model.security import Signatures
from elstrada.ocpp.faults import Fault, Refusal
from elstrada.ocpp.signed import WEIGHTY, Opened, fault_of, is_of_a_moment, opened
from elstrada.roles.message_keys import Signer, public_keys, signer_of

BAD_SIGNATURE = "bad message signature"
UNSIGNED = "message not signed"
REPLAYED = "signed message replayed"
MOST_KEPT = 256
"""Signed messages remembered per station."""


class Doubt(Exception):
    """A message is refused for its signature."""

    def __init__(self, code: str, text: str) -> None:
        super().__init__(text)
        self.code = code
        """Of the finding."""
        self.refusal = Refusal(Fault.SECURITY_ERROR, text[:255])


class Seen:
    """The signed messages that a station said last, over all its connections.

    The standard binds a signature to no message id and no time, so that whoever stands in between can send a message
    once more. What moves a session comes again by right, and has one effect only (P2); a heartbeat or a card
    is said in the same words each time. Anything else that names its moment is said once.
    """

    def __init__(self) -> None:
        self._ids: OrderedDict[bytes, str] = OrderedDict()
        """Message ids by the digest of what was signed under them."""

    def is_replay(self, message: Opened, message_id: str) -> bool:
        return self._ids.get(_digest(message), message_id) != message_id

    def note(self, message: Opened, message_id: str) -> None:
        """It is dealt with. Not before: a station may say it anew as long as it has no answer."""
        self._ids[_digest(message)] = message_id
        if len(self._ids) > MOST_KEPT:
            self._ids.popitem(last=False)


def _digest(message: Opened) -> bytes:
    """Of what was signed, not of the signature: of one signature of ECDSA anybody can make a second."""
    return hashlib.blake2b(message.signed, digest_size=16).digest()


class Checks:
    """How one connection of a station deals with signatures."""

    def __init__(self, record: Station | None, seen: Seen, own: Signer | None) -> None:
        self._mode = Signatures.OFF if record is None else record.signatures
        # Without signatures to look at the keys, which an operator gave us in PEM, need not be read.
        looks = record is not None and self._mode is not Signatures.OFF
        self._keys = public_keys(record.signing_keys) if record is not None and looks else ()
        self._seen, self._own = seen, own

    def opened(
        self, message_id: str, action: str, payload: bytes, kind: int, repeated: frozenset[str]
    ) -> Opened | Refusal:
        """Take out what was signed.

        Args:
            repeated: actions that may come again under another id, and have their effect once.
        Raises:
            Doubt: its signature is not good, or it is an old one.
        """
        message = opened(action, payload)
        if isinstance(message, Refusal) or self._mode is Signatures.OFF:
            return message
        fault = fault_of(message, kind)
        if fault is None and signer_of(message, self._keys) is None:
            named = message.header.thumbprint
            fault = f"no key of the station has signed it; it names {(named or 'no certificate')[:50]}"
        if fault is not None:
            raise Doubt(BAD_SIGNATURE, f"{message.action}: {fault}")
        if self._is_said_once(message, repeated) and self._seen.is_replay(message, message_id):
            raise Doubt(REPLAYED, f"{message.action} came before, under another message id")
        return message

    def dealt_with(self, message: Opened, message_id: str, repeated: frozenset[str]) -> None:
        """A message was answered."""
        if self._mode is not Signatures.OFF and self._is_said_once(message, repeated):
            self._seen.note(message, message_id)

    def check_unsigned(self, action: str) -> None:
        """
        Raises:
            Doubt: this action must be signed.
        """
        if self._mode is Signatures.REQUIRED and action in WEIGHTY:
            raise Doubt(UNSIGNED, f"{action} must be signed by this station")

    def answer(self, message: Opened, payload: bytes, kind: int) -> bytes:
        """The answer to a signed message, signed as well if we have a key."""
        return payload if self._own is None else self._own.sealed(message.action, payload, kind)

    @staticmethod
    def _is_said_once(message: Opened, repeated: frozenset[str]) -> bool:
        return message.action not in repeated and is_of_a_moment(message.payload)
