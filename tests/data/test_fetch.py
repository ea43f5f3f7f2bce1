import hashlib
import io
import json
import tarfile
import zipfile

import pytest
from mnist_files import NAMES, write_set
from servers import serving
from typer.testing import CliRunner

from spikescan.cli import app
from spikescan.data import archives
from spikescan.data.download import Archive
from spikescan.data.fetch import fetch
from spikescan.errors import InputError

EVENT = bytes(5)
SPLITS = "Train", "Test"


def zipped(files):
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return out.getvalue()


def tarred(files, kind="w:gz"):
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode=kind) as archive:
        for name, content in files.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(content)
            archive.addfile(entry, io.BytesIO(content))
    return out.getvalue()


@pytest.fixture
def site():
    with serving() as site:
        yield site


@pytest.fixture
def publish(site, monkeypatch):
    def one(name, files):
        def wanted():
            return tuple(
                Archive(site.put(file, content), file, hashlib.md5(content).hexdigest(), inner)
                for file, content, *inner in files
            )

        monkeypatch.setitem(archives._PUBLISHED, name, wanted)

    return one


@pytest.fixture
def nmnist(publish):
    files = [(f"{split.lower()}.zip", zipped({f"{split}/3/00001.bin": EVENT * 4})) for split in SPLITS]
    publish("nmnist", files)


def names(folder):
    return sorted(path.name for path in folder.iterdir()) if folder.exists() else []


def test_a_set_is_fetched_once(tmp_path, site, nmnist):
    calls = []
    folder = fetch("nmnist", tmp_path / "n", lambda *call: calls.append(call))
    assert folder == tmp_path / "n"
    assert (folder / "Test" / "3" / "00001.bin").read_bytes() == EVENT * 4
    assert names(tmp_path) == ["n"]
    assert [call[0] for call in calls] == ["train.zip", "test.zip"]
    assert fetch("nmnist", tmp_path / "n") == folder
    assert len(site.asked) == 2


def test_what_a_killed_process_left_is_cleared_away(tmp_path, nmnist):
    folder = fetch("nmnist", tmp_path / "n")
    (tmp_path / ".n.download").mkdir()
    (tmp_path / ".n.download" / "train.zip").touch()
    assert fetch("nmnist", folder) == folder
    assert names(tmp_path) == ["n"]


def test_an_empty_folder_is_filled(tmp_path, nmnist):
    (tmp_path / "n").mkdir()
    assert names(fetch("nmnist", tmp_path / "n")) == ["Test", "Train"]


def test_the_default_folder(tmp_path, nmnist, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert fetch("nmnist") == tmp_path / "data" / "nmnist"


def test_a_broken_second_archive_installs_nothing_and_keeps_the_first(tmp_path, site, nmnist):
    published = archives.published("nmnist")
    sound = site.files["test.zip"]
    archives._PUBLISHED["nmnist"] = lambda: published
    site.files["test.zip"] = sound[:-1] + b"!!"
    with pytest.raises(InputError, match=r"test.zip: wrong checksum.*nothing was installed"):
        fetch("nmnist", tmp_path / "n")
    assert names(tmp_path) == [".n.download"]
    assert names(tmp_path / ".n.download") == ["train.zip"]
    site.files["test.zip"] = sound
    fetch("nmnist", tmp_path / "n")
    assert [name for name, _ in site.asked] == ["train.zip", "test.zip", "test.zip"]
    assert names(tmp_path) == ["n"]


def test_archives_in_an_archive(tmp_path, publish):
    inner = zipped({f"Caltech101/cup/image_{number:04}.bin": EVENT for number in range(1, 11)})
    content = zipped({"N-Caltech101-archive/Caltech101.zip": inner, "N-Caltech101-archive/README": b""})
    publish("ncaltech101", [("archive.zip", content, "Caltech101.zip")])
    folder = fetch("ncaltech101", tmp_path / "n")
    assert len(list(folder.glob("Caltech101/cup/*.bin"))) == 10
    assert not list(folder.rglob("*.zip"))


def test_an_archive_that_lacks_the_one_in_it(tmp_path, publish):
    publish("ncaltech101", [("archive.zip", zipped({"README": b""}), "Caltech101.zip")])
    with pytest.raises(InputError, match=r"archive.zip: holds 0 files Caltech101.zip"):
        fetch("ncaltech101", tmp_path / "n")
    assert names(tmp_path) == [".n.download"]


NPY = b"\x93NUMPY"  # only looked for, not read


@pytest.mark.parametrize("kind", ["w", "w:gz", "w:xz"])
def test_tar_files(tmp_path, publish, kind):
    files = [(f"{s}.tar", tarred({f"ibmGesture{s}/user01_lab/0.npy": NPY}, kind)) for s in SPLITS]
    publish("dvsgesture", files)
    assert names(fetch("dvsgesture", tmp_path / "g")) == ["ibmGestureTest", "ibmGestureTrain"]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"not an archive", "cannot be unpacked"),
        (b"", "cannot be unpacked"),
        (tarred({"Train/3/1.bin": bytes(99_999)})[:-60], "cannot be unpacked"),
        (zipped({"Elsewhere/3/1.bin": EVENT}), "Train: no such folder"),
        (tarred({"../out.bin": EVENT}), "cannot be unpacked"),
        (tarred({"/out.bin": EVENT}), "Train: no such folder"),
        (zipped({"../out.bin": EVENT}), "Train: no such folder"),
    ],
    # Not by their bytes: in gzip there is the time.
    ids=[
        "bytes",
        "empty",
        "cut short",
        "another folder",
        "outside",
        "absolute",
        "outside, zipped",
    ],
)
def test_an_archive_that_is_none_installs_nothing(tmp_path, publish, content, message):
    publish("nmnist", [("train.zip", content)])
    with pytest.raises(InputError, match=message):
        fetch("nmnist", tmp_path / "in" / "n")
    assert names(tmp_path / "in") == [".n.download"]
    assert names(tmp_path) == ["in"]


def test_something_in_the_way_is_left_alone(tmp_path, site, nmnist):
    (tmp_path / "n").mkdir()
    (tmp_path / "n" / "thesis.tex").write_text("years of work")
    with pytest.raises(InputError, match=r"n: is in the way, and is no whole nmnist .*name another --root"):
        fetch("nmnist", tmp_path / "n")
    assert names(tmp_path / "n") == ["thesis.tex"]
    assert site.asked == []


def test_a_place_that_cannot_be_written(tmp_path, nmnist):
    (tmp_path / "file").touch()
    with pytest.raises(InputError, match=r"file/.n.download: cannot be written .*--root"):
        fetch("nmnist", tmp_path / "file" / "n")


def test_sets_without_a_download():
    with pytest.raises(InputError, match="data set digits: nothing to download; `data fetch` knows shd, ssc"):
        fetch("digits")
    with pytest.raises(InputError, match="unknown data set 'mnist'"):
        fetch("mnist")


@pytest.mark.parametrize(
    ("name", "files"),
    [
        ("shd", ["shd_train.h5.zip", "shd_test.h5.zip"]),
        ("ssc", ["ssc_train.h5.zip", "ssc_valid.h5.zip", "ssc_test.h5.zip"]),
        ("nmnist", ["train.zip", "test.zip"]),
        ("dvsgesture", ["ibmGestureTrain.tar.gz", "ibmGestureTest.tar.gz"]),
        ("cifar10dvs", None),
        ("ncaltech101", ["N-Caltech101-archive.zip"]),
        ("cifar10", ["cifar-10-binary.tar.gz"]),
        ("psmnist", NAMES),
    ],
)
def test_what_is_declared(name, files):
    pytest.importorskip("tonic")
    found = archives.published(name)
    assert files is None or [archive.name for archive in found] == files
    assert len({archive.url for archive in found}) == len({archive.md5 for archive in found}) == len(found)
    for archive in found:
        assert archive.url.startswith("https://")
        assert len(archive.md5) == 32
        assert set(archive.md5) <= set("0123456789abcdef")


def test_files_that_are_no_archives_stay_packed(tmp_path, publish):
    whole = {f"{name}.gz": path.read_bytes() for name, path in write_set(tmp_path / "m", packed=True).items()}
    publish("smnist", list(whole.items()))
    folder = fetch("smnist", tmp_path / "n")
    assert names(folder) == sorted(whole)
    assert all((folder / name).read_bytes() == content for name, content in whole.items())


def test_the_command(tmp_path, nmnist):
    done = CliRunner().invoke(app, ["data", "fetch", "nmnist", "--root", str(tmp_path / "n"), "--json"])
    assert done.exit_code == 0, done.output
    assert json.loads(done.stdout) == {"data": "nmnist", "folder": str(tmp_path / "n")}
    assert f"spikescan train nmnist --root {tmp_path / 'n'}" in done.stderr
    done = CliRunner().invoke(app, ["data", "fetch", "nmnist", "--root", str(tmp_path / "n")])
    assert done.stdout.split() == [str(tmp_path / "n")]


def test_the_command_fails_with_2(tmp_path, site, nmnist):
    site.status = 503
    done = CliRunner().invoke(app, ["data", "fetch", "nmnist", "--root", str(tmp_path / "n")])
    assert done.exit_code == 2
    assert "the server answers 503" in done.stderr
    assert names(tmp_path / "n") == []
