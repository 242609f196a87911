"""Who signs which certificates: one authority for how stations come to us, another for how cars know stations.

Source: OCPP 2.0.1 part 2, A02.FR.02 and SignCertificateRequest (without a type, a certificate is for both).
"""

from __future__ import annotations

from typing import NamedTuple

import msgspec

from elstrada.model.certificates import OWN, V2G, V2G_20
from elstrada.model.device import Protocol
from elstrada.roles.signing.face import Authority, Leaf


class V2gAuthority(msgspec.Struct, frozen=True):
    """Signs what stations show to cars, below a V2G root."""

    authority: Authority
    combined: bool = False
    """It signs what is for both uses as well; its root must then open our door."""


class Signer(NamedTuple):
    """Who signs a request, and what for."""

    authority: Authority
    leaf: Leaf


class Signers(msgspec.Struct, frozen=True):
    """All that there are."""

    own: Authority | None = None
    v2g: V2gAuthority | None = None

    @property
    def nobody(self) -> bool:
        """Does nobody sign anything here?"""
        return self.own is None and self.v2g is None

    def of(self, kind: str, protocol: str) -> Signer | str:
        """Who signs a certificate of this kind; or why nobody does.

        Args:
            kind: OCPP's word for it; empty: the station did not say.
            protocol: 1.6 knows no kinds, and no certificate for both uses.
        """
        if kind in V2G and self.v2g is not None:
            return Signer(self.v2g.authority, Leaf.SECC_20 if kind == V2G_20 else Leaf.SECC)
        if kind not in OWN:
            return f"no authority signs a {kind[:40]} here"
        if not kind and protocol != Protocol.OCPP16 and self.v2g is not None and self.v2g.combined:
            return Signer(self.v2g.authority, Leaf.COMBINED)
        if self.own is None:
            return "no authority is set up (stations.authority)"
        return Signer(self.own, Leaf.STATION)
