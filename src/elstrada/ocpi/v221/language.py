"""OCPI 2.2.1 as one language."""

from __future__ import annotations

from elstrada.ocpi.language import Language, held, noun, part
from elstrada.ocpi.v221 import cdrs, hubclientinfo, locations, sessions, tariffs, tokens, translate
from elstrada.ocpi.v221.talk import AUTHORIZING, COMMANDS

LANGUAGE = Language(
    version="2.2.1",
    location=noun(locations.Location, translate.location_from_wire, translate.location_to_wire),
    evse=part(locations.Evse, translate.evse_from_wire, translate.evse_to_wire),
    connector=part(locations.Connector, translate.connector_from_wire, translate.connector_to_wire),
    tariff=noun(tariffs.Tariff, translate.tariff_from_wire, translate.tariff_to_wire),
    token=noun(tokens.Token, translate.token_from_wire, translate.token_to_wire),
    session=held(sessions.Session, translate.session_from_wire, translate.session_to_wire),
    cdr=held(cdrs.Cdr, translate.cdr_from_wire, translate.cdr_to_wire),
    commands=COMMANDS,
    authorizing=AUTHORIZING,
    client=noun(hubclientinfo.ClientInfo, translate.client_from_wire, translate.client_to_wire),
    appended=sessions.APPENDED,
)
