"""OCPI 2.1.1 as one language."""

from __future__ import annotations

from elstrada.ocpi.findings import Translated
from elstrada.ocpi.language import Language, contracted, noun, owned
from elstrada.ocpi.v211 import cdrs, locations, sessions, tariffs, tokens, translate
from elstrada.ocpi.v211.talk import AUTHORIZING, COMMANDS

LANGUAGE = Language(
    version="2.1.1",
    location=owned(locations.Location, translate.location_from_wire, translate.location_to_wire),
    evse=noun(
        locations.Evse, lambda wire: Translated(translate.evse_from_wire(wire)), translate.evse_to_wire
    ),
    connector=noun(
        locations.Connector,
        lambda wire: Translated(translate.connector_from_wire(wire)),
        translate.connector_to_wire,
    ),
    tariff=owned(tariffs.Tariff, translate.tariff_from_wire, translate.tariff_to_wire),
    token=owned(tokens.Token, translate.token_from_wire, translate.token_to_wire),
    session=contracted(
        sessions.Session,
        translate.session_from_wire,
        translate.session_to_wire,
        lambda session: session.auth_id,
    ),
    cdr=contracted(cdrs.Cdr, translate.cdr_from_wire, translate.cdr_to_wire, lambda cdr: cdr.auth_id),
    commands=COMMANDS,
    authorizing=AUTHORIZING,
    appended=sessions.APPENDED,
    plain_token=True,
    sided=True,
    tells_all=True,
    embeds=True,
    dated_patches=False,
    steers=False,
    typed_addresses=False,
)
