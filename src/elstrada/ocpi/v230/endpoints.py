"""The table of OCPI 2.3.0's endpoints: those of 2.2.1, with its own objects, and what came with its editions."""

from __future__ import annotations

import msgspec

from elstrada.ocpi.endpoints import Endpoint, Interface, Reply, Table
from elstrada.ocpi.paging import QUERY
from elstrada.ocpi.v221 import cdrs, credentials, locations, sessions, tariffs
from elstrada.ocpi.v221.endpoints import ENDPOINTS as V221
from elstrada.ocpi.v221.endpoints import OWNED
from elstrada.ocpi.v230.cdrs import Cdr
from elstrada.ocpi.v230.credentials import Credentials
from elstrada.ocpi.v230.invoices import MODULE, InvoiceReconciliationRecord
from elstrada.ocpi.v230.locations import Connector, Evse, Location
from elstrada.ocpi.v230.sessions import Session
from elstrada.ocpi.v230.tariffs import Tariff

_OWN: dict[type[msgspec.Struct] | None, type[msgspec.Struct]] = {
    credentials.Credentials: Credentials,
    locations.Location: Location,
    locations.Evse: Evse,
    locations.Connector: Connector,
    tariffs.Tariff: Tariff,
    sessions.Session: Session,
    cdrs.Cdr: Cdr,
}


def _of_this_version(endpoint: Endpoint) -> Endpoint:
    return msgspec.structs.replace(
        endpoint,
        body=_OWN.get(endpoint.body, endpoint.body),
        data=_OWN.get(endpoint.data, endpoint.data),
    )


def _received(method: str, *, named: bool = True, sends: bool = False, returns: bool = False) -> Endpoint:
    """A method of whoever gets invoices, on records that their sender owns."""
    return Endpoint(
        name=f"{method.lower()}_invoice_record",
        module=MODULE,
        interface=Interface.RECEIVER,
        method=method,
        template=OWNED + "{record_id}" if named else "",
        body=InvoiceReconciliationRecord if sends else None,
        reply=Reply.OBJECT if returns else Reply.NONE,
        data=InvoiceReconciliationRecord if returns else None,
    )


_INVOICES: Table = (
    # Either side may invoice the other, so that the module has one address for both: with one for each side,
    # the version details would name two receivers, and nobody could tell which is meant.
    Endpoint(
        name="list_invoice_records",
        module=MODULE,
        interface=Interface.SENDER,
        method="GET",
        query=QUERY,
        reply=Reply.LIST,
        data=InvoiceReconciliationRecord,
    ),
    _received("POST", named=False, sends=True),
    _received("GET", returns=True),
    _received("PUT", sends=True),
    _received("DELETE"),
)
ENDPOINTS: Table = (*(_of_this_version(endpoint) for endpoint in V221), *_INVOICES)
