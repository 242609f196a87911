"""Country codes of two letters, as parties and EVSE-IDs have them, to those of three, as CdrLocation has.

Source: ISO 3166-1; the European Economic Area, its neighbours, and where OCPI is spoken beside.
"""

from __future__ import annotations

_CODES = """
AD AND, AE ARE, AL ALB, AM ARM, AT AUT, AU AUS, AZ AZE, BA BIH, BE BEL, BG BGR, BR BRA, BY BLR, CA CAN, CH CHE,
CL CHL, CN CHN, CO COL, CY CYP, CZ CZE, DE DEU, DK DNK, EE EST, EG EGY, ES ESP, FI FIN, FO FRO, FR FRA, GB GBR,
GE GEO, GI GIB, GR GRC, HK HKG, HR HRV, HU HUN, ID IDN, IE IRL, IL ISR, IM IMN, IN IND, IS ISL, IT ITA, JE JEY,
JO JOR, JP JPN, KR KOR, KZ KAZ, LI LIE, LT LTU, LU LUX, LV LVA, MA MAR, MC MCO, MD MDA, ME MNE, MK MKD, MT MLT,
MX MEX, MY MYS, NL NLD, NO NOR, NZ NZL, PH PHL, PL POL, PT PRT, QA QAT, RO ROU, RS SRB, RU RUS, SA SAU, SE SWE,
SG SGP, SI SVN, SK SVK, SM SMR, TH THA, TN TUN, TR TUR, TW TWN, UA UKR, US USA, VA VAT, VN VNM, XK XKX, ZA ZAF
"""
_WORDS = _CODES.replace(",", " ").split()
ALPHA_3: dict[str, str] = dict(zip(_WORDS[::2], _WORDS[1::2], strict=True))
"""A country that is not here cannot be compared, and is not found fault with."""
