"""The nouns of the desk. Imports nothing, so that the command line's help is there at once."""

from __future__ import annotations

NOUNS: dict[str, tuple[str, str]] = {
    "party": ("parties", "The parties this installation acts for."),
    "station": ("stations", "Charging stations we own."),
    "firmware": ("firmware", "Firmware for stations."),
    "session": ("sessions", "Charging at stations of ours."),
    "meter": ("meter", "Energy, use and losses by place and time, and what is odd."),
    "booking": ("bookings", "What partners can book at our locations, and what they have."),
    "partner": ("partners", "Roaming connections with other parties."),
    "hub": ("hub", "A roaming hub of ours, and who is behind it."),
    "client": ("clients", "Parties of hubs, and how they are connected."),
    "agreement": (
        "agreements",
        "What is agreed with partners: modules, locations, tariffs, authorization, bounds.",
    ),
    "token": ("tokens", "Cards and apps of drivers."),
    "customer": ("retail", "Customers of the retailer."),
    "contract": ("retail", "Customers' contracts."),
    "plan": ("plans", "Products the retailer sells."),
    "tariff": ("tariffs", "Prices we offer."),
    "location": ("locations", "Places where cars charge."),
    "import": ("imports", "Public registers and other parties' catalogues."),
    "cdr": ("cdrs", "Charge detail records and their prices."),
    "reconciliation": ("reconciliations", "Which CDRs invoices between partners cover."),
    "payment": ("payments", "Drivers' payments on the web."),
    "terminal": ("terminals", "Payment terminals, and sessions paid at them."),
    "bill": ("bills", "Lines for the electricity bill."),
    "node": ("nodes", "Processes that serve this installation."),
    "finding": ("findings", "What stations and peers sent that strayed."),
}
"""Noun: the module with its verbs, and a line of help."""
