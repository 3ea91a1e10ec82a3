"""One line of the event log: `crc32 length json`, so that damage is seen and the end is found.

Knows the bytes of a frame. Does not know files, segments or what an entry means.
"""

import json
import zlib
from typing import Any

_HEAD_BYTES = 18
"""Eight hexadecimal digits, a blank, eight decimal digits, a blank."""
MAX_BODY_BYTES = 99_999_999


class BadFrame(ValueError):
    """The bytes are not a whole, undamaged frame."""


def encode(body: bytes) -> bytes:
    """Return the frame of an entry's JSON, ended by a newline; ValueError if it is too long."""
    if len(body) > MAX_BODY_BYTES:
        raise ValueError(f"an entry may have {MAX_BODY_BYTES} bytes, this one has {len(body)}")
    return b"%08x %08d %s\n" % (zlib.crc32(body), len(body), body)


def body_of(line: bytes) -> bytes:
    """Return the JSON of a frame; BadFrame if the line is torn or damaged."""
    if not line.endswith(b"\n"):
        raise BadFrame("the line has no end")
    head, body = line[:_HEAD_BYTES], line[_HEAD_BYTES:-1]
    if head[8:] != b" %08d " % len(body):
        raise BadFrame("the length differs from what was written")
    if head[:8] != b"%08x" % zlib.crc32(body):
        raise BadFrame("the checksum differs from what was written")
    return body


def decode(line: bytes) -> dict[str, Any]:
    """Return the entry of a frame; BadFrame if the line is torn, damaged or no entry."""
    entry = json.loads(body_of(line))
    if not isinstance(entry, dict) or not isinstance(entry.get("ingest_seq"), int):
        raise BadFrame("the frame holds no entry")
    return entry
