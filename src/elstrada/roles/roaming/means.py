"""What every actor of roaming works with."""

from __future__ import annotations

import msgspec

from elstrada.model.quirk import QuirkTable
from elstrada.model.waits import Waits
from elstrada.net.face import Chance, Clock, HttpClient
from elstrada.ocpi import versions
from elstrada.ocpi.endpoints import Side
from elstrada.roles.findings import Findings
from elstrada.roles.keys import Keys
from elstrada.roles.quirks.table import load_quirks
from elstrada.roles.roaming.tally import RoamingTally
from elstrada.spine.face import Spine


class Means(msgspec.Struct, frozen=True, kw_only=True):
    spine: Spine
    clock: Clock
    chance: Chance
    keys: Keys
    http: HttpClient
    """The guarded client: every address a peer gives goes through it (R-13, T16)."""
    findings: Findings
    public_url: str
    """Scheme, host and port under which peers reach us, without a slash at the end."""
    versions: tuple[str, ...] = tuple(versions.TABLES)
    """Of OCPI, which we offer."""
    waits: Waits = Waits()
    quirks: QuirkTable = msgspec.field(default_factory=load_quirks)
    """Of stations, as they count in this installation."""
    tally: RoamingTally = msgspec.field(default_factory=RoamingTally)

    @property
    def versions_url(self) -> str:
        return self.versions_url_at(Side.NONE)

    def versions_url_at(self, side: Side) -> str:
        """The same for a peer that we meet on one side of the market, in a version that has such."""
        return versions.versions_url(self.public_url, side)
