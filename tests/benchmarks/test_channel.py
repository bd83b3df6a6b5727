"""How the load clients send requests and read responses."""

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from benchmarks.channel import Channel

ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"


@contextmanager
def server(*connections: list[bytes]) -> Iterator[int]:
    """Serve connections one after the other; each gets these responses, then is closed."""

    def serve() -> None:
        for answers in connections:
            client, _address = listener.accept()
            with client:
                for answer in answers:
                    client.recv(65536)
                    client.sendall(answer)

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=serve)
        thread.start()
        yield listener.getsockname()[1]
        thread.join(10)


def answered(channel: Channel, request: bytes) -> bytes:
    """Send a request and return the body of the response."""
    channel.send(request)
    while not channel.is_answered():
        pass
    return channel.body


def test_a_request_is_sent_again_if_the_server_has_closed_a_connection_it_kept() -> None:
    with server([ANSWER], [ANSWER]) as port:
        channel = Channel(port)
        assert answered(channel, b"GET / HTTP/1.1\r\n\r\n") == b"hello"
        assert answered(channel, b"GET / HTTP/1.1\r\n\r\n") == b"hello"
        assert channel.status == "200"
        channel.sock.close()


def test_a_new_connection_that_is_closed_without_a_response_is_an_error() -> None:
    with server([]) as port:
        channel = Channel(port)
        with pytest.raises(ConnectionError):
            answered(channel, b"GET / HTTP/1.1\r\n\r\n")
        channel.sock.close()


def test_a_response_that_is_cut_off_is_an_error() -> None:
    with server([ANSWER, ANSWER[:-2]]) as port:
        channel = Channel(port)
        answered(channel, b"GET / HTTP/1.1\r\n\r\n")
        with pytest.raises(ConnectionError):
            answered(channel, b"GET / HTTP/1.1\r\n\r\n")
        channel.sock.close()
