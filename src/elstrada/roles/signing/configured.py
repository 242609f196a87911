"""The authorities that an installation's settings name."""

from __future__ import annotations

from datetime import timedelta

from elstrada.config import Config
from elstrada.net.face import HttpClient
from elstrada.roles.signing.est import EstAuthority
from elstrada.roles.signing.face import Authority
from elstrada.roles.signing.folder import FolderAuthority
from elstrada.roles.signing.signers import Signers, V2gAuthority
from elstrada.settings import AuthoritySection


def configured_signers(config: Config, http: HttpClient) -> Signers:
    """Who signs what stations ask for."""
    stations = config.stations
    v2g = configured_authority(stations.v2g_authority, http)
    combined = stations.v2g_authority.combined
    return Signers(
        configured_authority(stations.authority, http),
        V2gAuthority(v2g, combined) if v2g is not None else None,
    )


def configured_authority(told: AuthoritySection, http: HttpClient) -> Authority | None:
    """One of them; None: there is none."""
    if told.folder is not None:
        return FolderAuthority(told.folder, timedelta(days=told.days))
    if told.est is not None:
        return EstAuthority(
            told.est,
            http,
            user=told.est_user,
            password=told.est_password.get_secret_value(),
            token=told.est_token.get_secret_value(),
        )
    return None
