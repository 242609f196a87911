"""Swedish. Not yet reviewed by a native speaker."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

SWEDISH: Mapping[str, str] = MappingProxyType(
    {
        "locale": "sv",
        "moment": "yyyy-MM-dd HH:mm",
        "date": "yyyy-MM-dd",
        # --- a cost ---
        "ENERGY": "{at}  {quantity} kWh à {price} {currency}/kWh = {amount} {currency}{vat}{why}",
        "TIME": "{at}  {duration} laddning à {price} {currency}/h = {amount} {currency}{vat}{why}",
        "PARKING_TIME": "{at}  {duration} parkering à {price} {currency}/h = {amount} {currency}{vat}{why}",
        "FLAT": "{at}  en gång {amount} {currency}{vat}{why}",
        "RESERVATION.TIME": "{at}  {duration} reserverat à {price} {currency}/h = {amount} {currency}{vat}{why}",
        "RESERVATION.FLAT": "{at}  reservation, en gång {amount} {currency}{vat}{why}",
        "source": "    enligt tariff {tariff}, element {element}",
        "source_when": "    enligt tariff {tariff}, element {element}: {conditions}",
        "vat": ", moms {percent} %",
        "why": " ({reason})",
        "before_taxes": "Summa före skatt: {amount} {currency}",
        "tax": "{name} {percent} %: {amount} {currency}",
        "tax.VAT": "moms",
        "tax_unrated": "{name}: {amount} {currency}",
        "tax_unknown": "Skatten framgår inte av tariffen och tillkommer.",
        "after_taxes": "Att betala: {amount} {currency}",
        "note": "Anmärkning: {text}",
        "asks_same": "{party} begär lika mycket: {amount} {currency} före skatt",
        "asks_other": "{party} begär {amount} {currency} före skatt, {difference} ifrån detta",
        "so_far": "Hittills, till {at}:",
        # --- why a step is as it is ---
        "reason.always": "tariffens första pris för detta, och det har inga villkor",
        "reason.conditions": "tariffens första pris för detta vars villkor var uppfyllda: {conditions}",
        "reason.as_measured": "debiteras som uppmätt",
        "reason.once": "debiteras en gång per laddning",
        "reason.step": "steg om {step} {unit}: {measured} -> {billed} {billed_unit}",
        # --- notes on a cost ---
        "note.no_tariff_named": (
            "en period nämner ingen tariff: {tariff} togs, den första som gällde vid starten (A17)"
        ),
        "note.by_type": (
            "en period nämner ingen tariff: {tariff} togs, då {type} går före de andras slag (A17)"
        ),
        "note.returned": "{energy} kWh flödade tillbaka: de räknas av, var och en till sin tids pris (A22)",
        "note.booking": (
            "en bokning prissätts av tariff {tariff}, element {elements}, vid sidan av laddningen "
            "(OCPI bookings 1.1)"
        ),
        "note.free_of_one": (
            "{dimension} är gratis från {at}: det enda element som prissätter allt har inget pris för det (A18)"
        ),
        "note.free": "{dimension} är gratis från {at}: inget element för det gäller då (regel 7)",
        "note.not_given": (
            "period från {at}, element {element}: {volume} anges inte, så gränsen {bound} gäller inte (A5)"
        ),
        "note.crosses": (
            "period från {at}, element {element}: {volume} passerar gränsen {bound} inom perioden (A6)"
        ),
        "note.spans": (
            "ett pris ändras {at}, inom perioden från {begin}, som behåller priset från sin början (A1)"
        ),
        "note.all_free": "tariff {tariff} har inget pris för något i denna laddning: den är gratis (regel 7)",
        "note.limit": "{limit}: {was} blev {now} före skatt (regel 13)",
        "note.came_after": (
            "tariff {tariff} kom efter att laddningen började; ingen tidigare form är känd (R-43)"
        ),
        "note.mended": "tariff {tariff} räknas som den rättades {at}",
        "note.gives_back": "krediterar CDR {cdr}: {reason}",
        "note.readings": "mätvärden som inte passar in utelämnades: {readings} från början",
        "note.estimated_more": (
            "uppskattat: inget mätvärde togs vid prisändringen {at} och vid {more} till, så energin antas ha "
            "flödat jämnt mellan mätvärdena däromkring (regel 18)"
        ),
        "note.estimated": (
            "uppskattat: inget mätvärde togs vid prisändringen {at}, så energin antas ha "
            "flödat jämnt mellan mätvärdena däromkring (regel 18)"
        ),
        "note.untold": (
            "inget mätvärde nära prisändringen {at}: de {energy} kWh från {begin} "
            "behåller priset från sin början (V49)"
        ),
        "note.called_off": "avbruten innan någon energi flödade: inget ska betalas (OCPP 2.1 C20)",
        "note.more": "det finns mer av detta slag, som utelämnas",
        # --- what is priced ---
        "dimension.ENERGY": "energi",
        "dimension.TIME": "laddtid",
        "dimension.PARKING_TIME": "parkering",
        "dimension.FLAT": "startavgift",
        # --- conditions ---
        "when.always": "alltid",
        "when.otherwise": "annars",
        "when.time": "kl. {from} till {to}",
        "when.dates.from": "från och med {from}",
        "when.dates.to": "till och med {to}",
        "when.dates": "{from} till och med {to}",
        "when.days": "på {days}",
        "when.min_kwh": "efter {number} kWh",
        "when.max_kwh": "till {number} kWh",
        "when.min_duration": "efter {number} min",
        "when.max_duration": "under de första {number} min",
        "when.min_power": "vid minst {number} kW",
        "when.max_power": "under {number} kW",
        "when.min_current": "vid minst {number} A",
        "when.max_current": "under {number} A",
        # --- a quote ---
        "quote.head": "Priser {at} ({zone}) enligt tariff {tariff}",
        "quote.ENERGY": "Energi: {price} per kWh",
        "quote.TIME": "Laddtid: {price} per minut",
        "quote.FLAT": "Startavgift: {price} per laddning",
        "quote.PARKING_TIME": "Parkering utan laddning: {price} per minut",
        "quote.RESERVATION.TIME": "Reservation: {price} per minut",
        "quote.RESERVATION.FLAT": "Reservation: {price} en gång",
        "quote.RESERVATION_EXPIRED.TIME": "Reservation som inte används: {price} per minut",
        "quote.RESERVATION_EXPIRED.FLAT": "Reservation som inte används: {price} en gång",
        "quote.BOOKING.TIME": "Bokning: {price} per minut",
        "quote.BOOKING.FLAT": "Bokning: {price} en gång",
        "quote.BOOKING_EXPIRES.TIME": "Bokning som inte används: {price} per minut",
        "quote.BOOKING_EXPIRES.FLAT": "Bokning som inte används: {price} en gång",
        "quote.BOOKING_CANCELLATION_FEES.TIME": "Bokning som avbokas: {price} per minut",
        "quote.BOOKING_CANCELLATION_FEES.FLAT": "Bokning som avbokas: {price} en gång",
        "quote.BOOKING_OVERTIME.TIME": "Efter en boknings slut: {price} per minut",
        "quote.BOOKING_OVERTIME.FLAT": "Efter en boknings slut: {price} en gång",
        "quote.price.taxed": "{after} {currency} med {percent} % skatt ({before} utan)",
        "quote.price.untaxed": "{before} {currency}, utan skatt",
        "quote.price.net": "{before} {currency} före skatt",
        "quote.price.gross": "{after} {currency} med skatt",
        "quote.limit.taxed": "{after} {currency} med skatt ({before} utan)",
        "quote.step": ", per påbörjad {step}",
        "quote.when": ", {conditions}",
        "quote.at_start": " [vid starten]",
        "quote.free": "Debiteras inte: {dimensions}",
        "quote.min": "Minst {price} per laddning",
        "quote.max": "Högst {price} per laddning",
        "quote.until": "Gäller till {until}",
        "estimate.head": "Uppskattning: {energy} kWh på {duration}",
        "estimate.head_parked": "Uppskattning: {energy} kWh på {duration}, sedan {parked} parkering",
        # --- a lint ---
        "severity.ERROR": "fel",
        "severity.WARNING": "varning",
        "severity.INFO": "tips",
        "lint.line": "{severity} {code} i {place}: {text}; {advice}",
        "lint.none": "Inget att anmärka på tariff {tariff}.",
        "lint.unreadable": "kan inte läsas: {problem}",
        "lint.unreadable.advice": "rätta det: tariffen kan inte användas",
        "lint.unreachable": "priset för {dimension} gäller aldrig: tidigare element gäller alltid när det skulle",
        "lint.unreachable.advice": "flytta det före dem, eller ta bort det",
        "lint.duplicate-dimension": "elementet har ett andra pris för {dimension}, som aldrig gäller",
        "lint.duplicate-dimension.advice": "ta bort ett av dem",
        "lint.empty-restrictions": "villkoren begränsar ingenting",
        "lint.empty-restrictions.advice": "ta bort dem",
        "lint.min-not-below-max": "{least} är inte mindre än {most}, så elementet gäller aldrig",
        "lint.min-not-below-max.advice": "den övre gränsen räknas inte med: sätt den högre än den undre",
        "lint.empty-dates": "tiden från {from} till {to} innehåller ingen dag",
        "lint.empty-dates.advice": "sista datum räknas inte med: sätt det efter det första",
        "lint.start-is-end": "tiden börjar och slutar {at}, vilket betyder hela dygnet (A2)",
        "lint.start-is-end.advice": "ta bort båda tiderna, eller rätta en",
        "lint.step-zero": "step_size 0 betyder att inget avrundas",
        "lint.step-zero.advice": "skriv 1 om varje påbörjad Wh eller sekund debiteras",
        "lint.step-on-flat": "step_size {step} betyder inget för ett pris som tas ut en gång",
        "lint.step-on-flat.advice": "skriv 1",
        "lint.time-step-inert": "steget om {step} s används inte när parkering har ett pris i laddningen",
        "lint.time-step-inert.advice": "ge priset för PARKING_TIME det steget",
        "lint.reservation-dimension": "{dimension} har ingen mening för en reservation",
        "lint.reservation-dimension.advice": "bara TIME och FLAT prissätter en: ta bort det",
        "lint.nothing-by-use": "varken energi eller tid har ett pris",
        "lint.nothing-by-use.advice": (
            "lägg till ett pris för ENERGY, TIME eller PARKING_TIME om användningen inte ska vara gratis"
        ),
        "lint.vat-not-applicable": "vat {percent} står i en tariff med tax_included N/A och räknas inte",
        "lint.vat-not-applicable.advice": "ta bort vat, eller skriv YES eller NO",
        "lint.no-rate": "priset innehåller skatt utan att ange sats, så beloppet före skatt är okänt",
        "lint.no-rate.advice": "ange vat: utan den kan ingen CDR göras",
        "lint.vat-range": "vat {percent} är ingen procentsats från 0 till 100",
        "lint.vat-range.advice": "skriv satsen i procent, som 25",
        "lint.min-above-max-price": "min_price {least} är högre än max_price {most}",
        "lint.min-above-max-price.advice": "rätta ett av dem",
        "lint.ends-before-start": "tariffen slutar {to}, inte efter sin början {from}",
        "lint.ends-before-start.advice": "rätta en av dem: den gäller aldrig",
        "lint.max-zero": "{name} 0 är nått genast, så elementet gäller aldrig",
        "lint.max-zero.advice": "ta bort det, eller höj det",
        "lint.all-weekdays": "day_of_week nämner alla sju dagar",
        "lint.all-weekdays.advice": "ta bort det",
        "lint.country-code": "country_code {value} är ingen ISO 3166-1 alpha-2-kod med stora bokstäver",
        "lint.country-code.advice": "skriv två stora bokstäver, som SE",
        "lint.no-fallback": (
            "{dimension} har bara pris ibland; annars, till exempel {example}, är det gratis"
        ),
        "lint.no-fallback.advice": "lägg till ett sista element utan villkor, med pris 0 om det är meningen",
        "lint.currency": "{currency} är ingen valuta enligt ISO 4217",
        "lint.currency.advice": "skriv dess tre bokstäver, som SEK",
        "lint.no-decimals": "{price} är en del av {currency}, som inte har mindre mynt",
        "lint.no-decimals.advice": "se efter att priserna inte är skrivna i en annan valutas storlek",
        "lint.unused": "inget uttag hänvisar till tariffen",
        "lint.unused.advice": "skriv dess id i tariff_ids för ett uttag, eller ta bort den",
        "lint.wrapping-with-days": "en tid över midnatt prövas mot veckodagen efter midnatt (A4)",
        "lint.wrapping-with-days.advice": "dela den vid midnatt, med egna dagar för varje del",
        "lint.not-followed": "tariffen har för många gränser för att pröva alla: {cells} lägen",
        "lint.not-followed.advice": "leta själv efter element som aldrig gäller, eller använd färre gränser",
        # --- a simulation ---
        "simulate.head": "{month}: {priced} av {sessions} laddningar enligt {tariff} i {currency}",
        "simulate.sums": "Före skatt: {old} begärdes, {new} skulle det bli: {difference}",
        "simulate.sums_taxed": "Med skatt: {old} begärdes, {new} skulle det bli: {difference}",
        "simulate.session": "  {cdr}: {old} -> {new} ({difference})",
        "simulate.unpriced": "  {cdr}: {reason}",
        "simulate.unpriced_head": "Utan pris enligt den: {number}",
    }
)
