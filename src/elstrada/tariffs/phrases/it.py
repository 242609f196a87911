"""Italian. Not yet reviewed by a native speaker."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

ITALIAN: Mapping[str, str] = MappingProxyType(
    {
        "locale": "it",
        "moment": "dd/MM/yyyy HH:mm",
        "date": "dd/MM/yyyy",
        # --- a cost ---
        "ENERGY": "{at}  {quantity} kWh a {price} {currency}/kWh = {amount} {currency}{vat}{why}",
        "TIME": "{at}  {duration} di ricarica a {price} {currency}/h = {amount} {currency}{vat}{why}",
        "PARKING_TIME": "{at}  {duration} di sosta a {price} {currency}/h = {amount} {currency}{vat}{why}",
        "FLAT": "{at}  una volta {amount} {currency}{vat}{why}",
        "RESERVATION.TIME": "{at}  {duration} di prenotazione a {price} {currency}/h = {amount} {currency}{vat}{why}",
        "RESERVATION.FLAT": "{at}  prenotazione, una volta {amount} {currency}{vat}{why}",
        "source": "    secondo la tariffa {tariff}, elemento {element}",
        "source_when": "    secondo la tariffa {tariff}, elemento {element}: {conditions}",
        "vat": ", IVA {percent} %",
        "why": " ({reason})",
        "before_taxes": "Totale senza imposte: {amount} {currency}",
        "tax": "{name} {percent} %: {amount} {currency}",
        "tax.VAT": "IVA",
        "tax_unrated": "{name}: {amount} {currency}",
        "tax_unknown": "L'imposta non risulta dalla tariffa e si aggiunge.",
        "after_taxes": "Totale: {amount} {currency}",
        "note": "Nota: {text}",
        "asks_same": "{party} chiede lo stesso: {amount} {currency} senza imposte",
        "asks_other": "{party} chiede {amount} {currency} senza imposte, {difference} di differenza",
        "so_far": "Finora, fino al {at}:",
        # --- why a step is as it is ---
        "reason.always": "il primo prezzo della tariffa per questo, senza condizioni",
        "reason.conditions": "il primo prezzo della tariffa per questo con le condizioni soddisfatte: {conditions}",
        "reason.as_measured": "addebitato come misurato",
        "reason.once": "addebitato una volta per ricarica",
        "reason.step": "scatti di {step} {unit}: {measured} -> {billed} {billed_unit}",
        # --- notes on a cost ---
        "note.no_tariff_named": (
            "un periodo non indica la tariffa: vale {tariff}, la prima valida all'inizio (A17)"
        ),
        "note.by_type": (
            "un periodo non indica la tariffa: vale {tariff}, perché {type} precede i tipi delle altre (A17)"
        ),
        "note.returned": "{energy} kWh restituiti: sono detratti, ciascuno al prezzo del suo momento (A22)",
        "note.booking": (
            "una prenotazione è pagata secondo la tariffa {tariff}, elemento {elements}, oltre alla ricarica "
            "(OCPI bookings 1.1)"
        ),
        "note.free_of_one": (
            "{dimension}: gratis da {at}, perché l'unico elemento che vale per tutto non ha un prezzo (A18)"
        ),
        "note.free": "{dimension}: gratis da {at}, perché allora non vale nessun elemento (regola 7)",
        "note.not_given": (
            "periodo da {at}, elemento {element}: {volume} manca, quindi il limite {bound} non vale (A5)"
        ),
        "note.crosses": (
            "periodo da {at}, elemento {element}: {volume} supera il limite {bound} nel periodo (A6)"
        ),
        "note.spans": (
            "un prezzo cambia alle {at}, nel periodo da {begin}, che mantiene il prezzo del suo inizio (A1)"
        ),
        "note.all_free": ("la tariffa {tariff} non ha prezzi per questa ricarica: è gratis (regola 7)"),
        "note.limit": "{limit}: {was} è diventato {now} senza imposte (regola 13)",
        "note.came_after": (
            "la tariffa {tariff} è successiva all'inizio della ricarica; non se ne conosce una forma precedente (R-43)"
        ),
        "note.mended": "la tariffa {tariff} vale come corretta alle {at}",
        "note.gives_back": "storna il CDR {cdr}: {reason}",
        "note.readings": "letture del contatore incoerenti non considerate: {readings} dall'inizio",
        "note.estimated_more": (
            "stimato: nessuna lettura al cambio di prezzo del {at} e ad altri {more}, quindi si assume che "
            "l'energia sia passata in modo uniforme tra le letture vicine (regola 18)"
        ),
        "note.estimated": (
            "stimato: nessuna lettura al cambio di prezzo del {at}, quindi si assume che "
            "l'energia sia passata in modo uniforme tra le letture vicine (regola 18)"
        ),
        "note.untold": (
            "nessuna lettura vicino al cambio di prezzo del {at}: i {energy} kWh dal {begin} "
            "mantengono il prezzo del loro inizio (V49)"
        ),
        "note.called_off": ("annullata prima che passasse energia: non c'è nulla da pagare (OCPP 2.1 C20)"),
        "note.more": "ce n'è dell'altro dello stesso tipo, che si tralascia",
        # --- what is priced ---
        "dimension.ENERGY": "energia",
        "dimension.TIME": "tempo di ricarica",
        "dimension.PARKING_TIME": "sosta",
        "dimension.FLAT": "costo di avvio",
        # --- conditions ---
        "when.always": "sempre",
        "when.otherwise": "altrimenti",
        "when.time": "dalle {from} alle {to}",
        "when.dates.from": "dal {from}",
        "when.dates.to": "fino al {to}",
        "when.dates": "dal {from} al {to}",
        "when.days": "di {days}",
        "when.min_kwh": "dopo {number} kWh",
        "when.max_kwh": "fino a {number} kWh",
        "when.min_duration": "dopo {number} min",
        "when.max_duration": "nei primi {number} min",
        "when.min_power": "da {number} kW",
        "when.max_power": "sotto {number} kW",
        "when.min_current": "da {number} A",
        "when.max_current": "sotto {number} A",
        # --- a quote ---
        "quote.head": "Prezzi il {at} ({zone}) secondo la tariffa {tariff}",
        "quote.ENERGY": "Energia: {price} per kWh",
        "quote.TIME": "Tempo di ricarica: {price} al minuto",
        "quote.FLAT": "Costo di avvio: {price} per ricarica",
        "quote.PARKING_TIME": "Sosta senza ricarica: {price} al minuto",
        "quote.RESERVATION.TIME": "Prenotazione: {price} al minuto",
        "quote.RESERVATION.FLAT": "Prenotazione: {price} una volta",
        "quote.RESERVATION_EXPIRED.TIME": "Prenotazione non utilizzata: {price} al minuto",
        "quote.RESERVATION_EXPIRED.FLAT": "Prenotazione non utilizzata: {price} una volta",
        "quote.BOOKING.TIME": "Prenotazione a orario: {price} al minuto",
        "quote.BOOKING.FLAT": "Prenotazione a orario: {price} una volta",
        "quote.BOOKING_EXPIRES.TIME": "Prenotazione a orario non utilizzata: {price} al minuto",
        "quote.BOOKING_EXPIRES.FLAT": "Prenotazione a orario non utilizzata: {price} una volta",
        "quote.BOOKING_CANCELLATION_FEES.TIME": "Prenotazione a orario annullata: {price} al minuto",
        "quote.BOOKING_CANCELLATION_FEES.FLAT": "Prenotazione a orario annullata: {price} una volta",
        "quote.BOOKING_OVERTIME.TIME": "Dopo la fine di una prenotazione a orario: {price} al minuto",
        "quote.BOOKING_OVERTIME.FLAT": "Dopo la fine di una prenotazione a orario: {price} una volta",
        "quote.price.taxed": "{after} {currency} con imposta del {percent} % ({before} senza)",
        "quote.price.untaxed": "{before} {currency}, senza imposte",
        "quote.price.net": "{before} {currency} senza imposte",
        "quote.price.gross": "{after} {currency} con imposta",
        "quote.limit.taxed": "{after} {currency} con imposta ({before} senza)",
        "quote.step": ", a scatti iniziati di {step}",
        "quote.when": ", {conditions}",
        "quote.at_start": " [all'inizio]",
        "quote.free": "Non si paga: {dimensions}",
        "quote.min": "Almeno {price} per ricarica",
        "quote.max": "Al massimo {price} per ricarica",
        "quote.until": "Valida fino al {until}",
        "estimate.head": "Stima: {energy} kWh in {duration}",
        "estimate.head_parked": "Stima: {energy} kWh in {duration}, poi {parked} di sosta",
        # --- a lint ---
        "severity.ERROR": "errore",
        "severity.WARNING": "avviso",
        "severity.INFO": "suggerimento",
        "lint.line": "{severity} {code} in {place}: {text}; {advice}",
        "lint.none": "Niente da dire sulla tariffa {tariff}.",
        "lint.unreadable": "non si può leggere: {problem}",
        "lint.unreadable.advice": "correggerlo: la tariffa non si può usare",
        "lint.unreachable": (
            "il prezzo per {dimension} non vale mai: elementi precedenti valgono ogni volta che varrebbe"
        ),
        "lint.unreachable.advice": "metterlo prima di quelli, o toglierlo",
        "lint.duplicate-dimension": "l'elemento ha un secondo prezzo per {dimension}, che non vale mai",
        "lint.duplicate-dimension.advice": "toglierne uno",
        "lint.empty-restrictions": "le condizioni non limitano nulla",
        "lint.empty-restrictions.advice": "toglierle",
        "lint.min-not-below-max": "{least} non è minore di {most}, quindi l'elemento non vale mai",
        "lint.min-not-below-max.advice": "il limite superiore è escluso: metterlo sopra quello inferiore",
        "lint.empty-dates": "il periodo dal {from} al {to} non contiene giorni",
        "lint.empty-dates.advice": "l'ultima data è esclusa: metterla dopo la prima",
        "lint.start-is-end": "la fascia inizia e finisce alle {at}, cioè vale tutto il giorno (A2)",
        "lint.start-is-end.advice": "togliere i due orari, o correggerne uno",
        "lint.step-zero": "step_size 0 significa che nulla è arrotondato",
        "lint.step-zero.advice": "scrivere 1 se si addebita ogni Wh o secondo iniziato",
        "lint.step-on-flat": "step_size {step} non ha senso per un prezzo addebitato una volta",
        "lint.step-on-flat.advice": "scrivere 1",
        "lint.time-step-inert": "lo scatto di {step} s non si applica quando la sosta ha un prezzo nella ricarica",
        "lint.time-step-inert.advice": "dare lo scatto al prezzo di PARKING_TIME",
        "lint.reservation-dimension": "{dimension} non ha senso per una prenotazione",
        "lint.reservation-dimension.advice": "solo TIME e FLAT le danno un prezzo: toglierlo",
        "lint.nothing-by-use": "né l'energia né il tempo hanno un prezzo",
        "lint.nothing-by-use.advice": (
            "aggiungere un prezzo per ENERGY, TIME o PARKING_TIME se l'uso non deve essere gratis"
        ),
        "lint.vat-not-applicable": "vat {percent} è in una tariffa con tax_included N/A e non conta",
        "lint.vat-not-applicable.advice": "togliere vat, o scrivere YES o NO",
        "lint.no-rate": "il prezzo include l'imposta senza indicare l'aliquota: l'importo senza imposta è ignoto",
        "lint.no-rate.advice": "aggiungere vat: senza, non si può fare nessun CDR",
        "lint.vat-range": "vat {percent} non è una percentuale da 0 a 100",
        "lint.vat-range.advice": "scrivere l'aliquota in percento, come 25",
        "lint.min-above-max-price": "min_price {least} è sopra max_price {most}",
        "lint.min-above-max-price.advice": "correggere uno dei due",
        "lint.ends-before-start": "la tariffa finisce il {to}, non dopo il suo inizio {from}",
        "lint.ends-before-start.advice": "correggere uno dei due: non è mai valida",
        "lint.max-zero": "{name} 0 è raggiunto subito, quindi l'elemento non vale mai",
        "lint.max-zero.advice": "toglierlo, o alzarlo",
        "lint.all-weekdays": "day_of_week indica tutti i sette giorni",
        "lint.all-weekdays.advice": "toglierlo",
        "lint.country-code": "country_code {value} non è un codice ISO 3166-1 alpha-2 in maiuscolo",
        "lint.country-code.advice": "scrivere due lettere maiuscole, come SE",
        "lint.no-fallback": (
            "{dimension} ha un prezzo solo a volte; altrimenti, per esempio {example}, è gratis"
        ),
        "lint.no-fallback.advice": (
            "aggiungere un ultimo elemento senza condizioni, con prezzo 0 se è ciò che si vuole"
        ),
        "lint.currency": "{currency} non è una valuta di ISO 4217",
        "lint.currency.advice": "scrivere le sue tre lettere, come EUR",
        "lint.no-decimals": "{price} è una frazione di {currency}, che non ha monete più piccole",
        "lint.no-decimals.advice": "controllare che i prezzi non siano scritti come in un'altra valuta",
        "lint.unused": "nessun connettore fa riferimento alla tariffa",
        "lint.unused.advice": "mettere il suo id nei tariff_ids di un connettore, o toglierla",
        "lint.wrapping-with-days": (
            "una fascia oltre la mezzanotte è verificata con il giorno dopo la mezzanotte (A4)"
        ),
        "lint.wrapping-with-days.advice": "dividerla a mezzanotte, ogni parte con i suoi giorni",
        "lint.not-followed": "la tariffa ha troppi limiti per provarli tutti: {cells} situazioni",
        "lint.not-followed.advice": "cercare gli elementi che non valgono mai, o usare meno limiti",
        # --- a simulation ---
        "simulate.head": "{month}: {priced} di {sessions} ricariche secondo {tariff} in {currency}",
        "simulate.sums": "Senza imposte: chiesti {old}, sarebbero {new}: {difference}",
        "simulate.sums_taxed": "Con imposte: chiesti {old}, sarebbero {new}: {difference}",
        "simulate.session": "  {cdr}: {old} -> {new} ({difference})",
        "simulate.unpriced": "  {cdr}: {reason}",
        "simulate.unpriced_head": "Senza prezzo secondo questa: {number}",
    }
)
