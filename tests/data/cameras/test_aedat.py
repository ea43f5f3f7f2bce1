import struct
from contextlib import suppress

import numpy as np
import pytest
from camera_files import HEADER_2, HEADER_3, aedat2_bytes, aedat3_bytes, packet, some_events
from hypothesis import given
from hypothesis import strategies as st

from spikescan.data.cameras import _aedat
from spikescan.errors import InputError

EVENTS = some_events(50)
TWO = [0, 5], [127, 3], [0, 99], [1, 0]


@pytest.fixture
def file(tmp_path):
    return tmp_path / "some.aedat"


HEADERS_2 = {
    "as jAER writes it": HEADER_2,
    "one line": b"#!AER-DAT2.0\r\n",
    "Unix line ends": b"#!AER-DAT2.0\n# created today\n",
    "not ASCII, and long": b"#!AER-DAT2.0\r\n# \xb5s \xff" + b"x" * 5000 + b"\r\n#\r\n#End Of Preferences\r\n",
    "an end mark": b"#!AER-DAT2.0\r\n#!END-HEADER\r\n",
}


@pytest.mark.parametrize("header", HEADERS_2.values(), ids=HEADERS_2)
def test_aedat_2(file, header):
    t, x, y, p = EVENTS
    file.write_bytes(aedat2_bytes(t + 77, x, y, p, header))
    address, time = _aedat.address_events(file)
    assert time.tolist() == t.tolist()
    assert (address >> 8).tolist() == y.tolist()
    assert (127 - (address >> 1 & 127)).tolist() == x.tolist()
    assert (address & 1).tolist() == (1 - p).tolist()


@given(st.integers(0, 2**32 - 1), st.lists(st.integers(-(2**31) + 1, 2**31 - 1), max_size=20))
def test_the_clock_of_aedat_2_wraps_around(file, start, steps):
    time = np.cumsum([start, *steps])
    nothing = np.zeros_like(time)
    file.write_bytes(aedat2_bytes(time, nothing, nothing, nothing))
    assert _aedat.address_events(file)[1].tolist() == (time - start).tolist()


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "0 bytes that do not begin with an AEDAT header"),
        (b"\x89HDF\r\n\x1a\n" + bytes(80), "do not begin with an AEDAT header"),
        (aedat2_bytes(*TWO, header=b""), "do not begin with an AEDAT header"),
        (b"#!AER-DAT2.0", "do not begin with an AEDAT header"),
        (aedat2_bytes(*TWO, header=b"#!AER-DAT1.0\r\n"), "AEDAT 1.0, where the set's recordings are AEDAT 2.0"),
        (aedat3_bytes(packet(*TWO)), "AEDAT 3.1, where"),
        (HEADER_2, "0 bytes after the header"),
        (aedat2_bytes(*TWO)[:-1], "15 bytes after the header"),
        (aedat2_bytes(*TWO)[:-4], "12 bytes after the header"),
        (HEADER_2[:-2], "do not begin with an AEDAT header|bytes after the header"),
    ],
)
def test_a_broken_aedat_2_file_is_named(file, content, message):
    file.write_bytes(content)
    with pytest.raises(InputError, match=f"some.aedat: .*({message})"):
        _aedat.address_events(file)


HEADERS_3 = {
    "as cAER writes it": HEADER_3,
    "Unix line ends": HEADER_3.replace(b"\r\n", b"\n"),
    "without an end mark": b"#!AER-DAT3.1\r\n",
    "long": HEADER_3.replace(b"#Source", b"#Start-Time: 2016-09-22 12:00:00 (TZ+0200)\r\n#-Source 1: \xb5\r\n#Source"),
}


@pytest.mark.parametrize("header", HEADERS_3.values(), ids=HEADERS_3)
def test_aedat_3(file, header):
    t, x, y, p = EVENTS
    parts = [[column[part] for column in EVENTS] for part in (slice(0, 1), slice(1, 1), slice(1, 50))]
    file.write_bytes(aedat3_bytes(*(packet(*part) for part in parts), header=header))
    found = _aedat.polarity_events(file)
    assert [column.tolist() for column in found] == [column.tolist() for column in (t, x, y, p)]
    assert all(column.dtype == np.int64 for column in found)


def test_a_mark_in_the_data_is_no_header(file):
    """A packet whose first byte is #, right after the header."""
    special = struct.pack("<HHIIIIII", ord("#"), 1, 8, 4, 0, 1, 1, 1) + b"#\n      "
    file.write_bytes(aedat3_bytes(special, packet(*TWO)))
    assert _aedat.polarity_events(file).t.tolist() == [0, 5]


def test_packets_of_other_kinds_and_spare_room_are_passed_over(file):
    special = packet([1], [0], [0], [0], kind=0)
    frame = packet([], [], [], [], kind=2, spare=3, size=8)
    file.write_bytes(aedat3_bytes(special, packet([7], [1], [2], [1], spare=5), frame, packet([9], [3], [4], [0])))
    found = _aedat.polarity_events(file)
    assert [column.tolist() for column in found] == [[7, 9], [1, 3], [2, 4], [1, 0]]


def test_the_clock_of_aedat_3_overflows(file):
    file.write_bytes(aedat3_bytes(packet([2**31 - 1], [0], [0], [0]), packet([1], [0], [0], [0], overflow=3)))
    assert _aedat.polarity_events(file).t.tolist() == [2**31 - 1, 3 * 2**31 + 1]


def test_coordinates_keep_all_their_bits(file):
    """A pixel beyond the sensor must not be folded back into it."""
    file.write_bytes(aedat3_bytes(packet([0], [2**15 - 1], [2**15 - 2], [0])))
    assert [column.tolist() for column in _aedat.polarity_events(file)] == [[0], [2**15 - 1], [2**15 - 2], [0]]


def head(**changes):
    values = {"kind": 1, "source": 1, "size": 8, "offset": 4, "overflow": 0, "capacity": 2, "number": 2, "valid": 2}
    return struct.pack("<HHIIIIII", *(values | changes).values())


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "0 bytes that do not begin"),
        (aedat2_bytes(*TWO), "AEDAT 2.0, where the set's recordings are AEDAT 3.1"),
        (aedat3_bytes(packet(*TWO), header=HEADER_3.replace(b"RAW", b"Serial-TS,PNG-Frames")), r"compressed \(Serial"),
        (HEADER_3, "no polarity events"),
        (aedat3_bytes(packet(*TWO, kind=0)), "no polarity events"),
        (aedat3_bytes(packet(*TWO), packet(*TWO))[:-1], f"cut off inside the packet at byte {len(HEADER_3) + 44}"),
        (aedat3_bytes(packet(*TWO), packet(*TWO)[:27]), "cut off inside the packet"),
        (aedat3_bytes(head(number=3) + bytes(16)), "no packet at byte"),
        (aedat3_bytes(head(valid=3) + bytes(16)), "no packet at byte"),
        (aedat3_bytes(head(size=12) + bytes(24)), "no packet at byte"),
        (aedat3_bytes(head(offset=0) + bytes(16)), "no packet at byte"),
        (aedat3_bytes(head(kind=700) + bytes(16)), "no packet at byte"),
        (aedat3_bytes(packet([3, 2**31], [0, 0], [0, 0], [0, 0])), "event 1 has a negative time"),
    ],
)
def test_a_broken_aedat_3_file_is_named(file, content, message):
    file.write_bytes(content)
    with pytest.raises(InputError, match=f"some.aedat: .*{message}"):
        _aedat.polarity_events(file)


@given(st.binary(max_size=200), st.sampled_from([b"", HEADER_2, HEADER_3]))
def test_any_bytes_are_read_or_named(file, content, header):
    file.write_bytes(header + content)
    for read in (_aedat.address_events, _aedat.polarity_events):
        with suppress(InputError):  # anything else is a fault of the reader
            assert read(file) is not None
