"""Records as a spine takes them, from the model's nouns."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

import msgspec

from elstrada.model.agreement import Agreement
from elstrada.model.device import Station
from elstrada.model.examination import Examination, Severity
from elstrada.model.facts import AgreementMade
from elstrada.model.ids import PartyId, agreement_stream
from elstrada.model.invoice import Contract, Customer, Plan
from elstrada.model.location import Location
from elstrada.model.tariff import Tariff
from elstrada.model.token import Token
from elstrada.roles.keys import Keys
from elstrada.roles.roaming.rows import location_row
from elstrada.roles.roaming.stock import OWN
from elstrada.spine import tables as t
from elstrada.spine.face import Append, Put


def lenient(owner: PartyId, peer_id: str, checks: Iterable[str]) -> Append:
    """The first agreement with a partner: findings of these checks hold none of its CDRs."""
    examination = Examination(severities=dict.fromkeys(checks, Severity.WARN))
    fact = AgreementMade(peer_id, Agreement(cdrs=examination))
    return Append(agreement_stream(owner, peer_id), 0, (fact,))


def put_station(station: Station, password: str, keys: Keys, at: datetime) -> Put:
    row = {
        "owner": str(station.owner),
        "station_id": station.id,
        "password_hash": keys.station_hash(station.id, password.encode()),
        "document": _document(station),
        "changed_at": at,
    }
    return Put(t.station, row)


def put_location(location: Location) -> Put:
    """A location of our own."""
    return Put(t.location, location_row(location.party, location, OWN))


def put_tariff(tariff: Tariff) -> Put:
    """A tariff of our own."""
    row = {
        "owner": str(tariff.party),
        "party": str(tariff.party),
        "tariff_id": tariff.id,
        "document": _document(tariff),
        "last_updated": tariff.last_updated,
    }
    return Put(t.tariff, row)


def put_token(owner: PartyId, token: Token, keys: Keys) -> Put:
    """A token as ``owner`` knows it."""
    row = {
        "owner": str(owner),
        "party": str(token.party),
        "uid": token.uid,
        "type": token.type,
        "ref": keys.token_ref(token.uid),
        "contract_id": token.contract_id,
        "document": _document(token),
        "last_updated": token.last_updated,
    }
    return Put(t.token, row)


def put_customer(customer: Customer) -> Put:
    row = {"owner": str(customer.owner), "customer_id": customer.id, "document": _document(customer)}
    return Put(t.customer, row)


def put_contract(contract: Contract) -> Put:
    row = {
        "owner": str(contract.owner),
        "contract_id": contract.id,
        "customer_id": contract.customer_id,
        "document": _document(contract),
    }
    return Put(t.contract, row)


def put_plan(plan: Plan) -> Put:
    return Put(t.plan, {"owner": str(plan.owner), "plan_id": plan.id, "document": _document(plan)})


def _document(noun: object) -> str:
    return msgspec.json.encode(noun).decode()
