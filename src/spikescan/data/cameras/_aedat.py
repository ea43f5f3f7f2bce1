"""AEDAT 2.0 and 3.1, the formats of DVS128 recordings.

tonic has readers for both, but not ones to use here: in tonic 1.7 `read_dvs_128` and `read_dvs_ibm` fail on
every file (they unpack two of the three values that its header reader returns), a header line must end in CR LF,
a file that was cut off is taken for whole, and packets of any kind are read as polarity events.

AEDAT 2.0   text lines that start with #, then 32-bit address and 32-bit µs of each event, highest byte first.
AEDAT 3.1   such lines up to #!END-HEADER, then packets, lowest byte first: a header of 28 bytes (kind, source,
            bytes of an event, offset of its time, overflow of the clock, capacity, number, valid) and the
            events; a polarity event is 32 bits of address and 31 bits of µs.
"""

from __future__ import annotations

import re
import struct
from pathlib import Path
from typing import NoReturn

import numpy as np

from spikescan.data.vision import Events
from spikescan.errors import InputError

_HEADER = re.compile(rb"#!AER-DAT(\d+\.\d+)[ \t]*\r?\n((?:#(?!!END-HEADER)[^\n]*\n)*)(?:#!END-HEADER[ \t]*\r?\n)?")
_PACKET = struct.Struct("<HHIIIIII")
_POLARITY = 1  # kind of packet
_KINDS = 2**8  # AEDAT 3.1 knows about a dozen; a larger number is no packet's


def address_events(file: Path) -> tuple[np.ndarray, np.ndarray]:
    """(addresses (E,) uint32, µs (E,) int64 since the first event) of an AEDAT 2.0 file.

    The clock has 32 bits and wraps around: the step from an event to the next is the one of two that is
    shorter than 36 minutes. A step back stays one.
    """
    data = file.read_bytes()
    start, _ = _after_header(file, data, "2.0")
    size = len(data) - start
    if not size or size % 8:
        _fail(file, f"{size} bytes after the header, where there are 8 for each event and at least one")
    address, time = np.frombuffer(data, ">u4", offset=start).astype(np.uint32).reshape(-1, 2).T
    return address, np.concatenate([[0], np.cumsum(np.diff(time).view(np.int32), dtype=np.int64)])


def polarity_events(file: Path) -> Events:
    """The polarity events of an AEDAT 3.1 file, µs by its own clock; packets of other kinds are passed over.

    All events of a packet are taken, whatever their validity bit says, as the DVS128 Gesture set's own
    description has it.
    """
    data = file.read_bytes()
    position, notes = _after_header(file, data, "3.1")
    if (form := re.search(rb"#Format:\s*(\S+)", notes)) and form[1] != b"RAW":
        _fail(file, f"its packets are compressed ({form[1].decode(errors='replace')}), which cannot be read")
    words, overflows, counts = [np.zeros(0, "<u4")], [], []
    while position < len(data):
        kind, stop, number, overflow = _packet(file, data, position)
        if kind == _POLARITY:
            words.append(np.frombuffer(data, "<u4", 2 * number, position + _PACKET.size))
            overflows.append(overflow)
            counts.append(number)
        position = stop
    address, time = np.concatenate(words).reshape(-1, 2).T
    if not len(time):
        _fail(file, "it holds no polarity events")
    if len(wrong := np.flatnonzero(time >> 31)):
        _fail(file, f"event {wrong[0]} has a negative time")
    time = time.astype(np.int64) + (np.repeat(np.array(overflows, np.int64), counts) << 31)
    x, y, p = (address >> 17, (address >> 2) & 0x7FFF, (address >> 1) & 1)
    return Events(time, *(column.astype(np.int64) for column in (x, y, p)))


def _packet(file: Path, data: bytes, position: int) -> tuple[int, int, int, int]:
    """(kind, where it ends, number of events, overflow of the clock) of the packet at `position`."""
    if position + _PACKET.size > len(data):
        _fail(file, f"cut off inside the packet at byte {position}")
    kind, _, size, offset, overflow, capacity, number, valid = _PACKET.unpack_from(data, position)
    polarity = kind == _POLARITY
    if kind >= _KINDS or number > capacity or valid > number or (polarity and (size, offset) != (8, 4)):
        _fail(file, f"no packet at byte {position}: what should be its header does not add up")
    stop = position + _PACKET.size + size * capacity
    if stop > len(data):
        _fail(file, f"cut off inside the packet at byte {position}")
    return kind, stop, number, overflow


def _after_header(file: Path, data: bytes, version: str) -> tuple[int, bytes]:
    """(where the header ends, its lines after the first)."""
    header = _HEADER.match(data)
    if header is None:
        _fail(file, f"{len(data)} bytes that do not begin with an AEDAT header (#!AER-DAT{version})")
    if header[1].decode() != version:
        _fail(file, f"AEDAT {header[1].decode()}, where the set's recordings are AEDAT {version}")
    return header.end(), header[2]


def _fail(file: Path, what: str) -> NoReturn:
    raise InputError(f"{file}: {what}; fetch it again")
