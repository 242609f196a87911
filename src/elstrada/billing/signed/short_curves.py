"""ECDSA verification on the 192-bit curves of old meters, which TLS libraries leave out or are about to.

It only verifies: no secret is ever handled, so nothing here needs to take the same time for every number.
Source: SEC 1 4.1.4 (verification), SEC 2 2.2.1 and 2.2.2 (parameters); decision 0027.
"""

from __future__ import annotations

from typing import NamedTuple

Point = tuple[int, int, int]
"""Jacobian: (X, Y, Z) stands for (X/Z², Y/Z³), which spares a division at each step."""
INFINITY: Point = (1, 1, 0)


class Domain(NamedTuple):
    """A curve y² = x³ + ax + b over the integers modulo p, and a point that generates n others."""

    p: int
    a: int
    b: int
    base: tuple[int, int]
    n: int

    @property
    def bits(self) -> int:
        return self.n.bit_length()


SECP192K1 = Domain(
    p=0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEFFFFEE37,
    a=0,
    b=3,
    base=(
        0xDB4FF10EC057E9AE26B07D0280B7F4341DA5D1B1EAE06C7D,
        0x9B2F2F6D9C5628A7844163D015BE86344082AA88D95E2F9D,
    ),
    n=0xFFFFFFFFFFFFFFFFFFFFFFFE26F2FC170F69466A74DEFD8D,
)
SECP192R1 = Domain(
    p=0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEFFFFFFFFFFFFFFFF,
    a=-3,
    b=0x64210519E59C80E70FA7E9AB72243049FEB8DEECC146B9B1,
    base=(
        0x188DA80EB03090F67CBF20EB43A18800F4FF0AFD82FF1012,
        0x07192B95FFC8DA78631011ED6B24CDD573F977A11E794811,
    ),
    n=0xFFFFFFFFFFFFFFFFFFFFFFFF99DEF836146BC9B1B4D22831,
)


def is_on(domain: Domain, x: int, y: int) -> bool:
    """Is it a point of the curve? Both curves have cofactor 1, so each of their points is a public key."""
    p = domain.p
    return 0 <= x < p and 0 <= y < p and (y * y - x * x * x - domain.a * x - domain.b) % p == 0


def holds(domain: Domain, key: tuple[int, int], digest: bytes, r: int, s: int) -> bool:
    """Did the holder of this key sign this digest?

    Args:
        key: a point of the curve.
        digest: of the message; its leftmost bits count, as many as the order has.
    """
    n, p = domain.n, domain.p
    if not (0 < r < n and 0 < s < n):
        return False
    message = int.from_bytes(digest) >> max(8 * len(digest) - domain.bits, 0)
    inverse = pow(s, -1, n)
    x, _, z = _sum_of_multiples(domain, message * inverse % n, domain.base, r * inverse % n, key)
    return z != 0 and x * pow(z * z, -1, p) % p % n == r


def _sum_of_multiples(
    domain: Domain, first: int, base: tuple[int, int], second: int, key: tuple[int, int]
) -> Point:
    """``first * base + second * key``, both multiples at once: one doubling for each bit."""
    one, other = (*base, 1), (*key, 1)
    addends = (INFINITY, one, other, _plus(domain, one, other))
    total = INFINITY
    for bit in reversed(range(domain.bits)):
        total = _doubled(domain, total)
        total = _plus(domain, total, addends[(first >> bit & 1) | (second >> bit & 1) << 1])
    return total


def _doubled(domain: Domain, point: Point) -> Point:
    (x, y, z), p = point, domain.p
    square = y * y % p
    s = 4 * x * square % p
    m = (3 * x * x + domain.a * pow(z, 4, p)) % p
    x3 = (m * m - 2 * s) % p
    return x3, (m * (s - x3) - 8 * square * square) % p, 2 * y * z % p


def _plus(domain: Domain, one: Point, other: Point) -> Point:
    (x1, y1, z1), (x2, y2, z2), p = one, other, domain.p
    if not z1 or not z2:
        return other if not z1 else one
    square1, square2 = z1 * z1 % p, z2 * z2 % p
    u1, u2 = x1 * square2 % p, x2 * square1 % p
    s1, s2 = y1 * z2 * square2 % p, y2 * z1 * square1 % p
    h, rise = (u2 - u1) % p, (s2 - s1) % p
    if not h:
        return INFINITY if rise else _doubled(domain, one)
    square = h * h % p
    cube, v = square * h % p, u1 * square % p
    x3 = (rise * rise - cube - 2 * v) % p
    return x3, (rise * (v - x3) - s1 * cube) % p, h * z1 * z2 % p
