"""One keep-alive connection of a load client: raw bytes out, one whole response in.

Far cheaper than http.client, so a client takes little of the cores that it shares with the servers.
"""

import re
import socket

_LENGTH = re.compile(rb"\r\ncontent-length: (\d+)", re.IGNORECASE)
TIMEOUT = 30.0


class Channel:
    """One connection and the request in flight on it."""

    def __init__(self, port: int) -> None:
        """Connect to a port of this machine."""
        self.sock = socket.create_connection(("127.0.0.1", port), TIMEOUT)
        self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._received = b""
        self.head = self.body = b""

    def send(self, request: bytes) -> None:
        """Send the next request."""
        self._received = b""
        self.sock.sendall(request)

    def is_answered(self) -> bool:
        """Read what has arrived. Return True if `head` and `body` are complete.

        Raises ConnectionError if the server closed the connection.
        """
        piece = self.sock.recv(65536)
        if not piece:
            raise ConnectionError("the server closed a connection")
        self._received += piece
        self.head, whole, self.body = self._received.partition(b"\r\n\r\n")
        length = _LENGTH.search(self.head)
        return bool(whole) and (length is None or len(self.body) >= int(length[1]))

    @property
    def status(self) -> str:
        """The status of the response."""
        return self.head[9:12].decode()
