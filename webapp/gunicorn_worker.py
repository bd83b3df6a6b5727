"""The gunicorn worker: a thread gets a request only after all of it has arrived (decisions/0024).

gunicorn's own threaded worker reads a request in a thread, and waits there for what a client holds
back. Here the main loop receives it, without waiting for any one client, and bounds how long and
how many may keep it waiting. With TLS, HTTP/2 or the PROXY protocol in gunicorn, which the shipped
configuration turns off, connections are handled as gunicorn does it.
"""

import ctypes
import errno
import os
import re
import socket
import time
from concurrent.futures import Future
from functools import partial
from selectors import EVENT_READ
from typing import Any

from gunicorn.http.errors import LimitRequestHeaders, NoMoreData
from gunicorn.workers.gthread import STOP_KEEPALIVE_LINGER, TConn, ThreadWorker

#: In seconds, from the connection (kept alive: from the first byte) to the last byte of a request.
REQUEST_TIMEOUT = 10
#: In seconds, to take the next piece of an answer that is larger than the socket's buffer.
SEND_TIMEOUT = 30
#: In seconds, for a client to read an answer and close, after we sent the end (RFC 9112 §9.6).
LINGER = 2
#: Bytes of a request line and all headers.
MAX_HEAD = 32 * 1024
#: Bytes of a body that is waited for; the app refuses larger ones (views/http/request_checks.py,
#: which can't be imported here: it would begin to count before gunicorn.conf.py says where).
MAX_BODY = 16 * 1024
#: Bytes of a chunked body with the sizes of its chunks, which may be larger than the chunks.
MAX_CHUNKED = 4 * MAX_BODY
#: Bytes that show which part of the site a request is for.
START = 40
#: Bytes that the system keeps of an answer, so that no thread waits for a slow reader of a page.
SEND_BUFFER = 256 * 1024

#: glibc's heaps for all threads together; it would make up to eight for each core.
HEAPS = 2

#: Of glibc's malloc.h.
_M_ARENA_MAX = -8
_HEAD_END = b"\r\n\r\n"
_LENGTH = re.compile(rb"\r\ncontent-length:[ \t]*(\d+)[ \t]*\r\n")
_CHUNKED = re.compile(rb"\r\ntransfer-encoding:[ \t]*chunked[ \t]*\r\n")
_EXPECT = re.compile(rb"[^\r]+ http/1\.1\r\n(?:.*\r\n)?expect:[ \t]*100-continue[ \t]*\r\n", re.S)
_CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"
_NO_FILES_LEFT = (errno.EMFILE, errno.ENFILE)
_NOBODY_THERE = (errno.EAGAIN, errno.EWOULDBLOCK, errno.ECONNABORTED)


class TooSlow(NoMoreData, TimeoutError):  # type: ignore[misc]  # gunicorn publishes no types
    """The rest of the request is not there. gunicorn closes it, or the app answers 408."""


class _Socket(socket.socket):
    """A connection that is read without waiting, and written to with a deadline."""

    #: The first bytes of the request, for the answer if gunicorn refuses it.
    start = b""

    def recv(self, size: int, flags: int = 0, /) -> bytes:
        """Return what is there. Raises TooSlow if nothing is."""
        before = self.gettimeout()
        self.settimeout(0)
        try:
            return super().recv(size, flags)
        except BlockingIOError:
            raise TooSlow from None
        finally:
            self.settimeout(before)

    def setblocking(self, flag: bool, /) -> None:
        """Wait when sending, but never longer than the deadline."""
        self.settimeout(SEND_TIMEOUT if flag else 0)


class Connection(TConn):  # type: ignore[misc]  # gunicorn publishes no types
    """One client, and what has arrived of its next request."""

    def __init__(self, cfg: Any, sock: socket.socket, client: Any, server: Any) -> None:
        """Take over a socket that was just accepted."""
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SEND_BUFFER)
        super().__init__(cfg, _Socket(fileno=sock.detach()), client, server)
        self.closing = False
        self.expect(b"")

    def expect(self, arrived: bytes) -> None:
        """Begin the next request, of which this much is there already."""
        self.received = bytearray(arrived)
        #: Where the body begins; 0 while the head is incomplete.
        self.body = 0
        self._length = 0
        self._chunked = False
        #: The start of the next chunk.
        self._chunk = 0

    def is_whole(self) -> bool:
        """Return True if there is nothing to wait for: a whole request, or one to refuse.

        gunicorn parses the request again; what it reads differently finds no more bytes.
        """
        if not self.body and not self._find_body():
            return False
        if self._chunked:
            return self._has_all_chunks() or len(self.received) - self.body > MAX_CHUNKED
        # The app refuses longer ones by their head.
        return self._length > MAX_BODY or len(self.received) - self.body >= self._length

    def _find_body(self) -> bool:
        # One empty line before a request is ignored (RFC 9112 §2.2).
        start = 2 if self.received.startswith(b"\r\n") else 0
        end = self.received.find(_HEAD_END, start)
        if end < 0:
            return False
        self.body = self._chunk = end + len(_HEAD_END)
        head = bytes(self.received[start : self.body]).lower()
        if found := _LENGTH.search(head):
            self._length = int(found[1].lstrip(b"0")[:9] or 0)
        # gunicorn refuses other codings, and a length beside this one.
        self._chunked = bool(_CHUNKED.search(head)) and not found
        if not self.is_whole() and _EXPECT.match(head):
            self._say_continue()
        return True

    def _say_continue(self) -> None:
        try:
            self.sock.send(_CONTINUE)
        except OSError:
            # Reading will show that nobody is there.
            return

    def _has_all_chunks(self) -> bool:
        """Return True if the last chunk is there, or something that is no chunk (RFC 9112 §7.1)."""
        while (end := self.received.find(b"\r\n", self._chunk)) >= 0:
            try:
                size = int(self.received[self._chunk : end].partition(b";")[0], 16)
            except ValueError:
                return True
            if size == 0:
                return self.received.find(_HEAD_END, end) >= 0
            after = end + size + 4
            if size > 0 and after > len(self.received):
                return False
            if size < 0 or not self.received.startswith(b"\r\n", after - 2):
                return True
            self._chunk = after
        return False


def share_heaps() -> None:
    """Let the threads share two heaps: with more, each keeps the most that it ever needed.

    Python holds its own lock while it allocates, so threads rarely wait for a heap. Does nothing
    if the environment says how many there are, or if the C library isn't glibc.
    """
    if "MALLOC_ARENA_MAX" not in os.environ and hasattr(libc := ctypes.CDLL(None), "mallopt"):
        libc.mallopt(_M_ARENA_MAX, HEAPS)


class Worker(ThreadWorker):  # type: ignore[misc]  # gunicorn publishes no types
    """gunicorn's threaded worker, whose threads never wait for the rest of a request."""

    def __init__(self, *args: Any, **options: Any) -> None:
        """Take what gunicorn gives its workers."""
        super().__init__(*args, **options)
        #: Connections in no thread, in the order in which they began to wait.
        self._waiting: dict[Connection, None] = {}
        self._plain = (
            not self.cfg.is_ssl
            and self.cfg.http2_cleartext == "off"
            and self.cfg.proxy_protocol == "off"
        )

    def init_process(self) -> None:
        """Serve until the worker ends."""
        share_heaps()
        super().init_process()

    # ---- in the main loop

    def accept(self, listener: Any) -> None:
        """Accept a connection; close the one that waited longest if there are too many."""
        if not self._plain:
            super().accept(listener)
            return
        try:
            sock, client = listener.accept()
        except OSError as error:
            if error.errno in _NO_FILES_LEFT:
                self._make_room()
            elif error.errno not in _NOBODY_THERE:
                raise
            return
        self.nr_conns += 1
        self._wait(Connection(self.cfg, sock, client, listener.getsockname()), REQUEST_TIMEOUT)
        if self.nr_conns >= self.worker_connections:
            self._make_room()

    def finish_request(self, conn: TConn, fs: Future[Any]) -> None:
        """Wait for the next request of a connection, or for its end."""
        if not isinstance(conn, Connection):
            super().finish_request(conn, fs)
            return
        try:
            keep = fs.result()
        except Exception:  # noqa: BLE001  # like gunicorn, which has logged it
            keep = False
        if not keep:
            self._end(conn)
            return
        conn.expect(conn.parser.unreader.take_buffered())
        if conn.is_whole():
            self.enqueue_req(conn)
        else:
            idle = self.cfg.keepalive if self.alive else STOP_KEEPALIVE_LINGER
            self._wait(conn, REQUEST_TIMEOUT if conn.received else idle)

    def murder_pending(self) -> None:
        """Give up connections whose time is over."""
        super().murder_pending()
        now = time.monotonic()
        for conn in [each for each in self._waiting if each.timeout <= now]:
            if conn.body and not conn.closing:
                # The app finds no more of the body, and answers 408.
                self._pass_on(conn)
            else:
                self._drop(conn)

    def _cap_keepalive(self, deadline: float) -> None:
        super()._cap_keepalive(deadline)
        for conn in self._waiting:
            if not conn.received:
                conn.timeout = min(conn.timeout, deadline)

    def _wait(self, conn: Connection, seconds: float) -> None:
        conn.sock.setblocking(False)
        conn.timeout = time.monotonic() + seconds
        self._waiting[conn] = None
        self.poller.register(conn.sock, EVENT_READ, partial(self._receive, conn))

    def _receive(self, conn: Connection, _sock: object) -> None:
        if conn not in self._waiting:
            # Closed by another event of the same round.
            return
        try:
            piece = conn.sock.recv(MAX_CHUNKED)
        except TooSlow:
            return
        except OSError:
            self._drop(conn)
            return
        if not piece:
            # Who hung up needs no answer.
            self._drop(conn)
            return
        if conn.closing:
            return
        if not conn.received and conn.initialized:
            # Idle between two requests until now.
            conn.timeout = time.monotonic() + REQUEST_TIMEOUT
        conn.received += piece
        if conn.is_whole():
            self._pass_on(conn)
        elif not conn.body and len(conn.received) > MAX_HEAD:
            self._stop_waiting(conn)
            conn.sock.start = bytes(conn.received[:START])
            error = LimitRequestHeaders("head too large")
            self.handle_error(None, conn.sock, conn.client, error)
            self._end(conn)

    def _pass_on(self, conn: Connection) -> None:
        self._stop_waiting(conn)
        self.enqueue_req(conn)

    def _stop_waiting(self, conn: Connection) -> None:
        if conn in self._waiting:
            del self._waiting[conn]
            self.poller.unregister(conn.sock)

    def _end(self, conn: Connection) -> None:
        """Send the end, and close when the client has: closing earlier could cost it the answer."""
        conn.closing = True
        conn.received.clear()
        try:
            conn.sock.shutdown(socket.SHUT_WR)
        except OSError:
            self._drop(conn)
        else:
            self._wait(conn, LINGER)

    def _drop(self, conn: Connection) -> None:
        self._stop_waiting(conn)
        self.nr_conns -= 1
        conn.close()

    def _make_room(self) -> None:
        if (oldest := next(iter(self._waiting), None)) is not None:
            self._drop(oldest)

    # ---- in a thread

    def handle(self, conn: TConn) -> Any:
        """Answer one request, which has arrived."""
        if isinstance(conn, Connection):
            conn.sock.setblocking(True)
            conn.sock.start = bytes(conn.received[:START])
            conn.init()
            conn.parser.unreader.unread(bytes(conn.received))
        return super().handle(conn)

    def handle_request(self, req: Any, conn: TConn) -> Any:
        """Answer a request. Raises ConnectionResetError if the client doesn't read the answer."""
        try:
            return super().handle_request(req, conn)
        except TimeoutError:
            raise ConnectionResetError(errno.ECONNRESET, "answer not read") from None
