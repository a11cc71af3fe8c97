"""The crowd: how many connections each client has open, and whether it may have one more.

    accept ─▶ enter(peer) ─┬─ True ──▶ served ─▶ leave(peer)
                           └─ False ─▶ closed, without a word

A client is an IPv4 address, or the 64 bits of an IPv6 address that one site is given: whoever has those has all that
follow (RFC 6177).  An address that holds no connection is not remembered, so the table is no larger than the house.
Behind a proxy everybody is one client: there the proxy is the one to count.  Knows no socket.
"""

from ipaddress import IPv6Address


class Crowd:
    """Counts connections.  *most*: of one client; 0 for any number."""

    __slots__ = ("_most", "_open")

    def __init__(self, most: int) -> None:
        self._most = most
        self._open: dict[str, int] = {}

    def __len__(self) -> int:
        """How many clients are remembered."""
        return len(self._open)

    def enter(self, peer: str) -> bool:
        """Whether *peer* may have another connection, which is counted then."""
        if not self._most:
            return True
        client = client_of(peer)
        count = self._open.get(client, 0)
        if count >= self._most:
            return False
        self._open[client] = count + 1
        return True

    def leave(self, peer: str) -> None:
        """A connection of *peer* that had entered is closed."""
        if not self._most:
            return
        client = client_of(peer)
        self._open[client] -= 1
        if not self._open[client]:
            del self._open[client]


def client_of(peer: str) -> str:
    """Who *peer*, an address without a zone, belongs to; what is no address stands for itself."""
    if ":" not in peer:
        return peer
    address = IPv6Address(peer)
    return str(address.ipv4_mapped or IPv6Address(int(address) >> 64 << 64))
