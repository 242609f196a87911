"""Token buckets, and the slowing down of those who guess. Pure: ``now`` is any clock in seconds."""

from __future__ import annotations

from collections import Counter, OrderedDict
from ipaddress import IPv6Address, ip_address

import msgspec


class Rate(msgspec.Struct, frozen=True):
    """So many at once, and so many per second after that."""

    burst: float
    per_s: float


class Bucket(msgspec.Struct, frozen=True):
    """Tokens left at a moment; they grow back with time."""

    tokens: float
    at: float

    def refilled(self, rate: Rate, now: float) -> Bucket:
        """The bucket as it is at ``now``. A clock that steps back adds nothing."""
        grown = max(0.0, now - self.at) * rate.per_s
        return Bucket(min(rate.burst, self.tokens + grown), now)


class Buckets:
    """One bucket per key. At most ``keys`` are kept: the key unused for longest is forgotten first."""

    def __init__(self, rate: Rate, keys: int) -> None:
        self.rate = rate
        self._keys = keys
        self._buckets: OrderedDict[str, Bucket] = OrderedDict()

    def __len__(self) -> int:
        return len(self._buckets)

    def wait_s(self, key: str, now: float) -> float:
        """Seconds until a token is there; 0 when there is one. Takes nothing."""
        bucket = self._buckets.get(key)
        if bucket is None:
            return 0.0
        return max(0.0, 1.0 - bucket.refilled(self.rate, now).tokens) / self.rate.per_s

    def take(self, key: str, now: float) -> bool:
        """Take a token if there is one."""
        full = Bucket(self.rate.burst, now)
        bucket = self._buckets.get(key, full).refilled(self.rate, now)
        enough = bucket.tokens >= 1.0
        self._buckets[key] = Bucket(bucket.tokens - enough, now)
        self._buckets.move_to_end(key)
        if len(self._buckets) > self._keys:
            self._buckets.popitem(last=False)
        return enough

    def forget(self, key: str) -> None:
        """Fill a key's bucket."""
        self._buckets.pop(key, None)


class KnockThrottle:
    """Slows down wrong credentials, per address and per identity at an address (T3).

    Only failures cost tokens, so a whole depot behind one address may return at once. An identity's
    failures count per address, because a bucket for the identity alone would let anybody lock a
    station out by guessing at it from elsewhere. An identity that was let in from an address keeps
    its way in there, however many others fail from the same address.
    """

    def __init__(self, *, address: Rate, identity: Rate, keys: int = 50_000) -> None:
        self._addresses = Buckets(address, keys)
        self._identities = Buckets(identity, keys)
        self._welcome: OrderedDict[str, None] = OrderedDict()
        self._welcome_at: Counter[str] = Counter()
        """How many identities each address has let in."""
        self._keys = keys

    def wait_s(self, address: str, identity: str, now: float) -> float:
        """Seconds this caller must wait before its credentials are looked at; 0 for none."""
        pair = f"{prefix_of(address)} {identity}"
        own = self._identities.wait_s(pair, now)
        if pair in self._welcome:
            return own
        return max(own, self._addresses.wait_s(prefix_of(address), now))

    def failed(self, address: str, identity: str, now: float) -> None:
        """The credentials were wrong, or the identity is unknown."""
        self._addresses.take(prefix_of(address), now)
        self._identities.take(f"{prefix_of(address)} {identity}", now)

    def succeeded(self, address: str, identity: str) -> None:
        """The credentials were right."""
        prefix = prefix_of(address)
        pair = f"{prefix} {identity}"
        self._identities.forget(pair)
        if pair not in self._welcome:
            self._welcome_at[prefix] += 1
        self._welcome[pair] = None
        self._welcome.move_to_end(pair)
        if len(self._welcome) > self._keys:
            self._forget(self._welcome.popitem(last=False)[0].partition(" ")[0])

    def knows(self, address: str) -> bool:
        """Was anybody let in from there?"""
        return prefix_of(address) in self._welcome_at

    def _forget(self, prefix: str) -> None:
        self._welcome_at[prefix] -= 1
        if not self._welcome_at[prefix]:
            del self._welcome_at[prefix]


def prefix_of(address: str) -> str:
    """What one caller can be expected to own: an IPv4 address, or an IPv6 /64."""
    try:
        parsed = ip_address(address.partition("%")[0])
    except ValueError:
        return address
    if isinstance(parsed, IPv6Address):
        if parsed.ipv4_mapped is not None:
            return str(parsed.ipv4_mapped)
        return f"{IPv6Address(int(parsed) >> 64 << 64)}/64"
    return str(parsed)
