"""Joins still WebP pictures, as Chromium takes them, into one animated WebP (RFC 9649)."""

import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

#: The chunks of a still picture that a frame holds; color profiles and the like are dropped.
_OF_A_FRAME = (b"ALPH", b"VP8 ", b"VP8L")
_ANIMATED = 0x02
_SEE_THROUGH = 0x10
_DO_NOT_BLEND = 0x02


@dataclass(frozen=True, slots=True)
class Frame:
    """A picture that replaces a part of the one before, from an even place on, for a time."""

    webp: bytes
    x: int
    y: int
    width: int
    height: int
    milliseconds: int


class NotWebP(ValueError):
    """The picture isn't a still WebP, or it has an odd place."""


def animated(frames: Sequence[Frame], width: int, height: int) -> bytes:
    """Return an animation of this size that is repeated for ever. Raises NotWebP."""
    canvas = struct.pack("<B3x", _ANIMATED | _SEE_THROUGH) + _three(width - 1) + _three(height - 1)
    chunks = [_chunk(b"VP8X", canvas), _chunk(b"ANIM", struct.pack("<IH", 0xFFFFFFFF, 0))]
    chunks += [_chunk(b"ANMF", _frame(frame)) for frame in frames]
    body = b"WEBP" + b"".join(chunks)
    return b"RIFF" + struct.pack("<I", len(body)) + body


def chunks_of(webp: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Yield the name and the payload of each chunk. Raises NotWebP."""
    if webp[:4] != b"RIFF" or webp[8:12] != b"WEBP":
        raise NotWebP("no RIFF header of a WebP picture")
    at = 12
    while at + 8 <= len(webp):
        name, (size,) = webp[at : at + 4], struct.unpack_from("<I", webp, at + 4)
        payload = webp[at + 8 : at + 8 + size]
        if len(payload) != size:
            raise NotWebP("a chunk is cut short")
        yield name, payload
        at += 8 + size + size % 2


def _frame(frame: Frame) -> bytes:
    if frame.x % 2 or frame.y % 2:
        raise NotWebP("a frame must begin at even coordinates")
    held = [_chunk(name, data) for name, data in chunks_of(frame.webp) if name in _OF_A_FRAME]
    if not held:
        raise NotWebP("there is no still picture in it")
    numbers = (frame.x // 2, frame.y // 2, frame.width - 1, frame.height - 1, frame.milliseconds)
    return b"".join(map(_three, numbers)) + bytes([_DO_NOT_BLEND]) + b"".join(held)


def _three(number: int) -> bytes:
    """Return a number as WebP's three bytes."""
    return number.to_bytes(3, "little")


def _chunk(name: bytes, payload: bytes) -> bytes:
    return name + struct.pack("<I", len(payload)) + payload + b"\0" * (len(payload) % 2)
