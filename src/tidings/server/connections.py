"""The open connections of a server, counted by the addresses they come from."""

from typing import Any

from tidings.limits.addresses import Proxies, network_of

NO_PROXIES = Proxies(())


class OpenConnections(set[Any]):
    """uvicorn's set of protocols. A protocol that takes over a socket is put into it for the one before."""

    def __init__(self, *, proxies: Proxies = NO_PROXIES, most_of_address: int = 0) -> None:
        """`most_of_address`: sockets that one address may have open; 0: any number."""
        super().__init__()
        self._proxies = proxies
        self._most = most_of_address
        self._sockets: dict[str, int] = {}  # by address

    def accept(self, protocol: Any) -> bool:
        """Put a new connection in. False: its address has too many, and it is to be refused."""
        self.add(protocol)
        if not self._most:
            return True
        peer = protocol.transport.get_extra_info("peername")
        address = self._proxies.peer(peer[0]) if isinstance(peer, tuple) else None
        if address is None:
            return True
        number = self._sockets[address] = self._sockets.get(address, 0) + 1
        return number <= self._most

    def discard(self, protocol: Any) -> None:
        """Take a protocol out. Its socket is counted until it is closed."""
        if protocol in self:
            super().discard(protocol)
            if self._sockets and protocol.transport.is_closing():
                self._closed(protocol.transport.get_extra_info("peername"))

    def _closed(self, peer: Any) -> None:
        address = network_of(peer[0]) if isinstance(peer, tuple) else ""
        left = self._sockets.get(address, 0) - 1
        if left > 0:
            self._sockets[address] = left
        else:
            self._sockets.pop(address, None)
