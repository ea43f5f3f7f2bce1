import hashlib
import random

import pytest
from servers import serving

from spikescan.data.download import Archive, download
from spikescan.errors import InputError

CONTENT = random.Random(0).randbytes(300_000)
MD5 = hashlib.md5(CONTENT).hexdigest()


@pytest.fixture
def site():
    with serving() as site:
        yield site


@pytest.fixture
def archive(site):
    return Archive(site.put("set.zip", CONTENT), "set.zip", MD5)


def names(folder):
    return sorted(path.name for path in folder.iterdir()) if folder.exists() else []


def test_a_whole_file(tmp_path, site, archive):
    calls = []
    file = download(archive, tmp_path / "d", lambda *call: calls.append(call))
    assert file.read_bytes() == CONTENT
    assert calls[-1] == ("set.zip", 300_000, 300_000)
    assert site.asked == [("set.zip", None)]
    assert names(tmp_path / "d") == ["set.zip"]
    download(archive, tmp_path / "d")
    assert len(site.asked) == 1


def test_a_part_is_gone_on_from(tmp_path, site, archive):
    (tmp_path / "set.zip.part").write_bytes(CONTENT[:100_001])
    calls = []
    assert download(archive, tmp_path, lambda *call: calls.append(call)).read_bytes() == CONTENT
    assert site.asked == [("set.zip", "bytes=100001-")]
    assert calls[0][1] > 100_001
    assert calls[-1] == ("set.zip", 300_000, 300_000)


def test_a_part_that_is_whole_already(tmp_path, site, archive):
    (tmp_path / "set.zip.part").write_bytes(CONTENT)
    assert download(archive, tmp_path).read_bytes() == CONTENT
    assert site.asked == [("set.zip", "bytes=300000-")]


def test_a_server_without_ranges_begins_anew(tmp_path, site, archive):
    site.ranges = False
    (tmp_path / "set.zip.part").write_bytes(b"?" * 1000)
    assert download(archive, tmp_path).read_bytes() == CONTENT


def test_a_transfer_that_breaks_off_goes_on_while_there_is_progress(tmp_path, site, archive):
    site.cut = 70_000
    assert download(archive, tmp_path).read_bytes() == CONTENT
    assert [wanted for _, wanted in site.asked] == [None, *(f"bytes={70_000 * k}-" for k in range(1, 5))]


def test_a_server_that_always_breaks_off_at_the_same_place(tmp_path, site, archive):
    site.cut, site.ranges = 70_000, False
    with pytest.raises(
        InputError, match=rf"set.zip \(md5 {MD5}\): broke off after 70000 of 300000 bytes; .*part keeps"
    ):
        download(archive, tmp_path)
    assert names(tmp_path) == ["set.zip.part"]
    site.cut, site.ranges = None, True
    assert download(archive, tmp_path).read_bytes() == CONTENT
    assert site.asked[-1] == ("set.zip", "bytes=70000-")


def test_a_server_that_says_no_length_is_caught_by_the_checksum(tmp_path, site, archive):
    site.sized = False
    assert download(archive, tmp_path / "a").read_bytes() == CONTENT
    site.cut = 70_000
    with pytest.raises(InputError, match=f"wrong checksum, [0-9a-f]+ of 70000 bytes where md5 {MD5}"):
        download(archive, tmp_path / "b")
    assert names(tmp_path / "b") == []


def test_a_wrong_checksum_leaves_nothing(tmp_path, site):
    archive = Archive(site.put("set.zip", CONTENT[:-1] + bytes([CONTENT[-1] ^ 1])), "set.zip", MD5)
    with pytest.raises(InputError, match=f"wrong checksum, [0-9a-f]+ of 300000 bytes where md5 {MD5} is published"):
        download(archive, tmp_path)
    assert names(tmp_path) == []


def test_a_part_of_something_else_leaves_nothing_and_is_fetched_anew(tmp_path, archive):
    (tmp_path / "set.zip.part").write_bytes(b"?" * 1000)
    with pytest.raises(InputError, match="wrong checksum"):
        download(archive, tmp_path)
    assert names(tmp_path) == []
    assert download(archive, tmp_path).read_bytes() == CONTENT


def test_a_server_that_sends_another_range(tmp_path, site, archive):
    site.shift = 5
    (tmp_path / "set.zip.part").write_bytes(CONTENT[:1000])
    with pytest.raises(InputError, match="asked for bytes from 1000 on, the server sent 1005"):
        download(archive, tmp_path)
    assert (tmp_path / "set.zip.part").read_bytes() == CONTENT[:1000]


@pytest.mark.parametrize("status", [404, 403, 503])
def test_a_server_that_refuses(tmp_path, site, archive, status):
    site.status = status
    with pytest.raises(InputError, match=rf"set.zip \(md5 {MD5}\): the server answers {status}"):
        download(archive, tmp_path)
    assert names(tmp_path) == []


def test_no_server(tmp_path):
    with serving() as site:
        url = site.put("set.zip", b"")
    with pytest.raises(InputError, match=r"set.zip .*cannot be reached"):
        download(Archive(url, "set.zip", MD5), tmp_path)
