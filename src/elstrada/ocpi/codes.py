"""Status codes, once: which HTTP status and which OCPI code go together, and what each means.

Only what fails before OCPI is understood has an HTTP error; the rest is HTTP 200 with an OCPI code.
Source: OCPI 2.2.1 status_codes, transport_and_format; R-01, R-20, R-47.
"""

from __future__ import annotations

from enum import Enum

SUCCESS = 1000


class Why(Enum):
    """Why a request is refused: (HTTP status, OCPI code)."""

    MALFORMED = (400, 2001)
    """No JSON."""
    UNAUTHORIZED = (401, 2000)
    NOT_FOUND = (404, 2000)
    """No such address, or an object that the caller may not know of (T18)."""
    UNKNOWN_TOKEN = (404, 2004)
    NOT_CAPABLE = (404, 2001)
    """The EVSE is not one at which this can be asked for (R-59)."""
    NOT_ALLOWED = (405, 2000)
    """Another method, or a registration in the wrong state (R-06)."""
    TOO_LARGE = (413, 2000)
    BUSY = (503, 3000)
    """We cannot store anything now; try again."""
    REFUSED = (200, 2000)
    INVALID = (200, 2001)
    """Missing or invalid parameters."""
    INCOMPLETE = (200, 2002)
    """Not enough to decide, such as an authorization without a location."""
    UNKNOWN_LOCATION = (200, 2003)
    CANNOT_USE_CLIENT = (200, 3001)
    """The caller's own interface failed when we called it back."""
    UNSUPPORTED_VERSION = (200, 3002)
    NO_ENDPOINTS = (200, 3003)
    """The caller's interface lacks an endpoint we need."""
    HUB = (200, 4000)
    """The hub cannot pass it on, and none of the next three says why."""
    UNKNOWN_RECEIVER = (200, 4001)
    LATE_RECEIVER = (200, 4002)
    """It did not answer the hub in time."""
    NOT_CONNECTED = (200, 4003)
    """The hub cannot reach it."""

    @property
    def http(self) -> int:
        return self.value[0]

    @property
    def ocpi(self) -> int:
        return self.value[1]


def is_success(code: int) -> bool:
    """1xxx is success, whatever the last digits say."""
    return 1000 <= code < 2000
