"""One keep-alive connection of a load client: raw bytes out, one whole response in.

Far cheaper than http.client, so a client takes little of the cores that it shares with the servers.
"""

import re
import socket

_LENGTH = re.compile(rb"\r\ncontent-length: (\d+)", re.IGNORECASE)
TIMEOUT = 30.0


class Channel:
    """One connection and the request in flight on it.

    If the server has closed the connection since the last response, the request is sent again over
    a new one, as browsers do. `sock` is another socket then.
    """

    def __init__(self, port: int) -> None:
        """Connect to a port of this machine."""
        self._port = port
        self._request = self._received = self.head = self.body = b""
        self._connect()

    def _connect(self) -> None:
        self.sock = socket.create_connection(("127.0.0.1", self._port), TIMEOUT)
        self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        #: A response has arrived over this connection.
        self._proven = False

    def send(self, request: bytes) -> None:
        """Send the next request."""
        self._received, self._request = b"", request
        try:
            self.sock.sendall(request)
        except ConnectionError:
            # Reading will show it, too.
            return

    def is_answered(self) -> bool:
        """Read what has arrived. Return True if `head` and `body` are complete.

        Raises ConnectionError if the server closed the connection instead.
        """
        try:
            piece = self.sock.recv(65536)
        except ConnectionError:
            piece = b""
        if not piece:
            self._send_again()
            return False
        self._received += piece
        self.head, whole, self.body = self._received.partition(b"\r\n\r\n")
        length = _LENGTH.search(self.head)
        self._proven = bool(whole) and (length is None or len(self.body) >= int(length[1]))
        return self._proven

    def _send_again(self) -> None:
        if self._received or not self._proven:
            raise ConnectionError("the server closed a connection")
        former = self.sock
        self._connect()
        former.close()
        self.sock.sendall(self._request)

    @property
    def status(self) -> str:
        """The status of the response."""
        return self.head[9:12].decode()
