"""The form of VAT numbers, and addresses as VIES writes them."""

from __future__ import annotations

import pytest

from elstrada.model.vat import Company, NoVatNumber, VatNumber
from elstrada.roles.vat.vies import company_of

RIGHT = (
    *("ATU12345678", "BE0123456789", "BG123456789", "CY12345678X", "CZ12345678", "DE123456789", "DK12345678"),
    *(
        "EE123456789",
        "EL123456789",
        "ESX1234567X",
        "FI12345678",
        "FRXX123456789",
        "HR12345678901",
        "HU12345678",
    ),
    *(
        "IE1234567WA",
        "IE1X23456W",
        "IT12345678901",
        "LT123456789012",
        "LU12345678",
        "LV12345678901",
        "MT12345678",
    ),
    *(
        "NL123456789B01",
        "PL1234567890",
        "PT123456789",
        "RO12",
        "SE123456789001",
        "SI12345678",
        "SK1234567890",
    ),
    "XIGD123",
)


@pytest.mark.parametrize("text", RIGHT)
def test_each_country_has_its_form(text: str) -> None:
    assert str(VatNumber.parse(text)) == text
    for wrong in (text[:2], text + "99999999999", "QQ" + text[2:]):
        with pytest.raises(NoVatNumber):
            VatNumber.parse(wrong)


@pytest.mark.parametrize(
    "text", ["SE12345678900", "DE12345678", "ES123456789", "NL123456789A01", "FRIO123456789"]
)
def test_what_a_country_does_not_give_is_none_of_its_numbers(text: str) -> None:
    with pytest.raises(NoVatNumber, match=f"no number of {text[:2]}"):
        VatNumber.parse(text)


def test_a_number_is_read_as_people_write_it_and_greece_has_two_names() -> None:
    assert VatNumber.parse("gr 123.456.789") == VatNumber("EL", "123456789")
    with pytest.raises(NoVatNumber, match="a country of the EU"):
        VatNumber.parse("GB123456789")


@pytest.mark.parametrize(
    ("address", "expected"),
    [
        (
            "Via Roma 1 \n20121 MILANO MI",
            Company(name="X", street="Via Roma 1", postal_code="20121", city="MILANO MI", country="IT"),
        ),
        (
            "c/o Y\nKeizersgracht 1\n1015CJ AMSTERDAM\n",
            Company(
                name="X",
                street="c/o Y, Keizersgracht 1",
                postal_code="1015CJ",
                city="AMSTERDAM",
                country="IT",
            ),
        ),
        (
            "Rue Haute 1, L-1234 Luxembourg",
            Company(name="X", street="Rue Haute 1, L-1234 Luxembourg", country="IT"),
        ),
        (None, Company(name="X", country="IT")),
    ],
)
def test_an_address_is_taken_apart_where_it_says_what_is_what(address: str | None, expected: Company) -> None:
    assert company_of("X", address, "IT") == expected


def test_a_register_that_does_not_say_whose_a_number_is_names_no_company() -> None:
    assert company_of("---", "---", "DE") is None
