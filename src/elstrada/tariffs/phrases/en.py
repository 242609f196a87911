"""English. Also the form in which the engine's notes stand in stored costs, by which they are known again."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

ENGLISH: Mapping[str, str] = MappingProxyType(
    {
        "locale": "en",
        "moment": "yyyy-MM-dd HH:mm",
        "date": "yyyy-MM-dd",
        # --- a cost ---
        "ENERGY": "{at}  {quantity} kWh at {price} {currency}/kWh = {amount} {currency}{vat}{why}",
        "TIME": "{at}  {duration} charging at {price} {currency}/h = {amount} {currency}{vat}{why}",
        "PARKING_TIME": "{at}  {duration} parked at {price} {currency}/h = {amount} {currency}{vat}{why}",
        "FLAT": "{at}  once {amount} {currency}{vat}{why}",
        "RESERVATION.TIME": "{at}  {duration} reserved at {price} {currency}/h = {amount} {currency}{vat}{why}",
        "RESERVATION.FLAT": "{at}  reservation, once {amount} {currency}{vat}{why}",
        "source": "    by tariff {tariff}, element {element}",
        "source_when": "    by tariff {tariff}, element {element}: {conditions}",
        "vat": ", VAT {percent} %",
        "why": " ({reason})",
        "before_taxes": "Total before tax: {amount} {currency}",
        "tax": "{name} {percent} %: {amount} {currency}",
        "tax.VAT": "VAT",
        "tax_unrated": "{name}: {amount} {currency}",
        "tax_unknown": "Tax is not known from the tariff and comes on top.",
        "after_taxes": "Total: {amount} {currency}",
        "note": "Note: {text}",
        "asks_same": "{party} asks the same: {amount} {currency} before taxes",
        "asks_other": "{party} asks {amount} {currency} before taxes, {difference} apart from this",
        "so_far": "So far, until {at}:",
        # --- why a step is as it is ---
        "reason.always": "the first price for this in the tariff, and it has no conditions",
        "reason.conditions": "the first price for this in the tariff whose conditions held: {conditions}",
        "reason.as_measured": "billed as measured",
        "reason.once": "billed once in a session",
        "reason.step": "step {step} {unit}: {measured} -> {billed} {billed_unit}",
        # --- notes on a cost ---
        "note.no_tariff_named": (
            "a period names no tariff: {tariff} was taken, the first valid at the start (A17)"
        ),
        "note.by_type": (
            "a period names no tariff: {tariff} was taken, as {type} goes before the others' types (A17)"
        ),
        "note.returned": "{energy} kWh flowed back: they are set off, each at the price of its time (A22)",
        "note.booking": (
            "a booking is priced by tariff {tariff}, element {elements}, beside the session (OCPI bookings 1.1)"
        ),
        "note.free_of_one": (
            "{dimension} is free from {at}: the one element that prices all has no price for it (A18)"
        ),
        "note.free": "{dimension} is free from {at}: no element for it matches then (rule 7)",
        "note.not_given": (
            "period at {at}, element {element}: {volume} is not given, so a limit of {bound} does not match (A5)"
        ),
        "note.crosses": (
            "period at {at}, element {element}: {volume} crosses the limit of {bound} within the period (A6)"
        ),
        "note.spans": (
            "period_spans_price_change: a price changes at {at}, within the period from {begin}, "
            "which keeps the price of its start (A1)"
        ),
        "note.all_free": "tariff {tariff} has no price for anything in this session: it is free (rule 7)",
        "note.limit": "{limit}: {was} became {now} before tax (rule 13)",
        "note.came_after": "tariff {tariff} came after the session began; no earlier form is known (R-43)",
        "note.mended": "tariff {tariff} counts as it was mended at {at}",
        "note.gives_back": "gives back CDR {cdr}: {reason}",
        "note.readings": "meter readings out of line were left out: {readings} since the start",
        "note.estimated_more": (
            "estimated: no reading was made at the change of price at {at} and at {more} more, so energy is "
            "taken to have flowed evenly between the readings around it (rule 18)"
        ),
        "note.estimated": (
            "estimated: no reading was made at the change of price at {at}, so energy is "
            "taken to have flowed evenly between the readings around it (rule 18)"
        ),
        "note.untold": (
            "no reading near the change of price at {at}: the {energy} kWh from {begin} on "
            "keep the price of their start (V49)"
        ),
        "note.called_off": ("called off before any energy flowed: nothing is to be paid (OCPP 2.1 C20)"),
        "note.more": "there is more of this kind, which is left out",
        # --- what is priced ---
        "dimension.ENERGY": "energy",
        "dimension.TIME": "charging time",
        "dimension.PARKING_TIME": "parking",
        "dimension.FLAT": "start fee",
        # --- conditions ---
        "when.always": "always",
        "when.otherwise": "otherwise",
        "when.time": "from {from} to {to}",
        "when.dates.from": "from {from} on",
        "when.dates.to": "until {to}",
        "when.dates": "{from} to {to}",
        "when.days": "on {days}",
        "when.min_kwh": "after {number} kWh",
        "when.max_kwh": "until {number} kWh",
        "when.min_duration": "after {number} min",
        "when.max_duration": "in the first {number} min",
        "when.min_power": "at {number} kW or more",
        "when.max_power": "below {number} kW",
        "when.min_current": "at {number} A or more",
        "when.max_current": "below {number} A",
        # --- a quote ---
        "quote.head": "Prices at {at} ({zone}) by tariff {tariff}",
        "quote.ENERGY": "Energy: {price} per kWh",
        "quote.TIME": "Charging time: {price} per minute",
        "quote.FLAT": "Start fee: {price} per session",
        "quote.PARKING_TIME": "Parking without charging: {price} per minute",
        "quote.RESERVATION.TIME": "Reservation: {price} per minute",
        "quote.RESERVATION.FLAT": "Reservation: {price} once",
        "quote.RESERVATION_EXPIRED.TIME": "Reservation that is not used: {price} per minute",
        "quote.RESERVATION_EXPIRED.FLAT": "Reservation that is not used: {price} once",
        "quote.BOOKING.TIME": "Booking: {price} per minute",
        "quote.BOOKING.FLAT": "Booking: {price} once",
        "quote.BOOKING_EXPIRES.TIME": "Booking that is not used: {price} per minute",
        "quote.BOOKING_EXPIRES.FLAT": "Booking that is not used: {price} once",
        "quote.BOOKING_CANCELLATION_FEES.TIME": "Booking that is called off: {price} per minute",
        "quote.BOOKING_CANCELLATION_FEES.FLAT": "Booking that is called off: {price} once",
        "quote.BOOKING_OVERTIME.TIME": "After the end of a booking: {price} per minute",
        "quote.BOOKING_OVERTIME.FLAT": "After the end of a booking: {price} once",
        "quote.price.taxed": "{after} {currency} with {percent} % tax ({before} without)",
        "quote.price.untaxed": "{before} {currency}, without tax",
        "quote.price.net": "{before} {currency} before tax",
        "quote.price.gross": "{after} {currency} with tax",
        "quote.limit.taxed": "{after} {currency} with tax ({before} without)",
        "quote.step": ", billed by {step} begun",
        "quote.when": ", {conditions}",
        "quote.at_start": " [at the start]",
        "quote.free": "Not charged: {dimensions}",
        "quote.min": "At least {price} per session",
        "quote.max": "At most {price} per session",
        "quote.until": "Offered until {until}",
        "estimate.head": "Estimate: {energy} kWh in {duration}",
        "estimate.head_parked": "Estimate: {energy} kWh in {duration}, then {parked} parked",
        # --- a lint ---
        "severity.ERROR": "error",
        "severity.WARNING": "warning",
        "severity.INFO": "hint",
        "lint.line": "{severity} {code} at {place}: {text}; {advice}",
        "lint.none": "Nothing to say against tariff {tariff}.",
        "lint.unreadable": "{problem}",
        "lint.unreadable.advice": "correct it: the tariff cannot be used",
        "lint.unreachable": "the price for {dimension} never applies: earlier elements apply whenever it would",
        "lint.unreachable.advice": "move it before them, or leave it out",
        "lint.duplicate-dimension": "the element has a second price for {dimension}, which never applies",
        "lint.duplicate-dimension.advice": "leave one of them out",
        "lint.empty-restrictions": "the restrictions restrict nothing",
        "lint.empty-restrictions.advice": "leave them out",
        "lint.min-not-below-max": "{least} is not below {most}, so the element never applies",
        "lint.min-not-below-max.advice": "the upper bound is excluded: put it above the lower one",
        "lint.empty-dates": "the range from {from} to {to} holds no day",
        "lint.empty-dates.advice": "the last date is excluded: put it after the first",
        "lint.start-is-end": "the window begins and ends at {at}, which means the whole day (A2)",
        "lint.start-is-end.advice": "leave both times out, or correct one",
        "lint.step-zero": "step_size 0 means that nothing is rounded",
        "lint.step-zero.advice": "write 1 if each Wh or second begun is billed",
        "lint.step-on-flat": "step_size {step} means nothing for a price that is charged once",
        "lint.step-on-flat.advice": "write 1",
        "lint.time-step-inert": "the step of {step} s is not applied once parking is priced in the session",
        "lint.time-step-inert.advice": "give the step to the price of PARKING_TIME",
        "lint.reservation-dimension": "{dimension} has no meaning for a reservation",
        "lint.reservation-dimension.advice": "only TIME and FLAT price one: leave it out",
        "lint.nothing-by-use": "neither energy nor time has a price",
        "lint.nothing-by-use.advice": "add a price for ENERGY, TIME or PARKING_TIME if use is not to be free",
        "lint.vat-not-applicable": "vat {percent} stands in a tariff whose tax_included is N/A and is ignored",
        "lint.vat-not-applicable.advice": "leave vat out, or say YES or NO",
        "lint.no-rate": "the price includes tax and names no rate, so the amount before tax is unknown",
        "lint.no-rate.advice": "add vat: no CDR can be made without it",
        "lint.vat-range": "vat {percent} is no percentage from 0 to 100",
        "lint.vat-range.advice": "write the rate in percent, such as 25",
        "lint.min-above-max-price": "min_price {least} is above max_price {most}",
        "lint.min-above-max-price.advice": "correct one of them",
        "lint.ends-before-start": "the tariff ends at {to}, not after its start at {from}",
        "lint.ends-before-start.advice": "correct one of them: it is never valid",
        "lint.max-zero": "{name} 0 is reached at once, so the element never applies",
        "lint.max-zero.advice": "leave it out, or raise it",
        "lint.all-weekdays": "day_of_week names all seven days",
        "lint.all-weekdays.advice": "leave it out",
        "lint.country-code": "country_code {value} is no upper-case ISO 3166-1 alpha-2 code",
        "lint.country-code.advice": "write two capital letters, such as SE",
        "lint.no-fallback": "{dimension} has a price at some times only; at others, such as {example}, it is free",
        "lint.no-fallback.advice": "add a last element without restrictions, with price 0 if that is meant",
        "lint.currency": "{currency} is no currency of ISO 4217",
        "lint.currency.advice": "write its three letters, such as SEK",
        "lint.no-decimals": "{price} is a part of {currency}, which has no smaller coin",
        "lint.no-decimals.advice": "see that prices are not written in another currency's scale",
        "lint.unused": "no connector refers to the tariff",
        "lint.unused.advice": "put its id into the tariff_ids of a connector, or remove it",
        "lint.wrapping-with-days": "a window past midnight is tested by the weekday after midnight (A4)",
        "lint.wrapping-with-days.advice": "cut it in two at midnight, each with its own days",
        "lint.not-followed": "the tariff has too many bounds to try them all: {cells} situations",
        "lint.not-followed.advice": "look for elements that never apply yourself, or use fewer bounds",
        # --- a simulation ---
        "simulate.head": "{month}: {priced} of {sessions} sessions by {tariff} in {currency}",
        "simulate.sums": "Before tax: {old} were asked, {new} would be: {difference}",
        "simulate.sums_taxed": "With tax: {old} were asked, {new} would be: {difference}",
        "simulate.session": "  {cdr}: {old} -> {new} ({difference})",
        "simulate.unpriced": "  {cdr}: {reason}",
        "simulate.unpriced_head": "Without a price by it: {number}",
    }
)
