"""Who may write into a run's folder: one run at a time, and one that was killed early leaves it usable."""

import errno
import sys
from types import SimpleNamespace

import pytest

from spikescan.errors import InputError
from spikescan.training import run
from spikescan.training.folder import RunFolder

pytestmark = pytest.mark.usefixtures("no_pictures")


class Killed(BaseException):
    """Nothing in the package catches it for good."""


def go(recipe, store, out, **options):
    stuff = run.prepare(recipe(training__epochs=1), out, store=store, **options)
    return run.train(stuff, out, **options, say=lambda message: None)


@pytest.mark.parametrize("options", [{}, {"resume": True}, {"overwrite": True}])
def test_one_run_at_a_time(recipe, store, tmp_path, options):
    out = tmp_path / "run"
    if options:
        go(recipe, store, out)
    stuff = run.prepare(recipe(training__epochs=1), out, store=store, **options)
    before = {path: path.read_bytes() for path in out.rglob("*") if path.is_file()}
    with RunFolder(out).held(), pytest.raises(InputError, match=rf"{out}: another run is using this folder"):
        run.train(stuff, out, **options, say=lambda message: None)
    assert before.items() <= {path: path.read_bytes() for path in out.rglob("*") if path.is_file()}.items()
    assert run.train(stuff, out, **options, say=lambda message: None)["epochs"] == 1


def test_the_lock_is_the_kernels(tmp_path):
    fcntl = pytest.importorskip("fcntl")
    folder = RunFolder(tmp_path / "run")
    with folder.held(), folder.lock.open() as file, pytest.raises(BlockingIOError):
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    with pytest.raises(ZeroDivisionError), folder.held():
        1 / 0  # noqa: B018
    with folder.held():
        pass


def refuse(monkeypatch, number):
    def flock(*arguments):
        raise OSError(number, "as the system puts it")

    monkeypatch.setitem(sys.modules, "fcntl", SimpleNamespace(flock=flock, LOCK_EX=2, LOCK_NB=4))
    monkeypatch.setattr("os.name", "posix")


@pytest.mark.parametrize("number", [errno.ENOSYS, errno.ENOLCK, errno.EOPNOTSUPP, errno.ENOTSUP])
def test_a_file_system_without_locks_is_warned_of(tmp_path, monkeypatch, number):
    refuse(monkeypatch, number)
    folder = RunFolder(tmp_path / "run")
    words = rf"^{folder.path}: the file system has no locks \(as the system puts it\)"
    with pytest.warns(UserWarning, match=words) as seen, folder.held():
        assert folder.lock.exists()
    assert len(seen) == 1


def test_another_error_names_the_file(tmp_path, monkeypatch):
    refuse(monkeypatch, errno.EIO)
    folder = RunFolder(tmp_path / "run")
    with pytest.raises(OSError, match="as the system puts it") as caught, folder.held():
        pass
    assert caught.value.filename == str(folder.lock)


def test_windows_locks_in_its_own_way(tmp_path, monkeypatch):
    """Of POSIX nothing is imported there."""
    locked, folder = [], RunFolder(tmp_path / "run")

    def locking(descriptor, mode, size):
        if locked:
            raise PermissionError(errno.EACCES, "Permission denied")
        locked.append((mode, size))

    monkeypatch.setitem(sys.modules, "fcntl", None)
    monkeypatch.setitem(sys.modules, "msvcrt", SimpleNamespace(locking=locking, LK_NBLCK=2))
    monkeypatch.setattr("spikescan.training.folder.os", SimpleNamespace(name="nt"))
    with folder.held(), pytest.raises(InputError, match="another run is using this folder"), folder.held():
        pass
    assert locked == [(2, 1)]


def test_a_run_that_came_and_went_is_not_overwritten(recipe, store, tmp_path):
    stuff = run.prepare(recipe(training__epochs=1), tmp_path, store=store)
    go(recipe, store, tmp_path)
    with pytest.raises(InputError, match="holds a run already"):
        run.train(stuff, tmp_path, overwrite=False, say=lambda message: None)


@pytest.mark.parametrize("step", ["held", "create", "write", "facts", "clear"])
def test_a_run_that_is_killed_early_leaves_the_folder_usable(recipe, store, tmp_path, monkeypatch, step):
    """Whatever step is the last, some option goes on."""
    out = tmp_path / "run"
    if step == "clear":
        go(recipe, store, out)

    def killed(*arguments, **options):
        raise Killed

    with monkeypatch.context() as patch:
        where = {
            "held": "spikescan.training.run._begin",
            "write": "spikescan.training.files.os.replace",
            "create": "spikescan.training.folder.RunFolder.create",
            "facts": "spikescan.training.facts.Facts.model_dump_json",
            "clear": "spikescan.training.folder.Path.unlink",
        }[step]
        patch.setattr(where, killed)
        if step == "write":
            patch.setattr("spikescan.training.files.os.unlink", killed)  # as a kill leaves it
        with pytest.raises(Killed):
            RunFolder(out).clear() if step == "clear" else go(recipe, store, out)
    written = step in ("facts", "clear")
    assert (out / "recipe.toml").is_file() == written
    assert go(recipe, store, out, **({"resume": True} if written else {}))["epochs"] == 1
    assert go(recipe, store, out, overwrite=True)["epochs"] == 1


def test_empty_subfolders_are_an_empty_folder(recipe, store, tmp_path):
    for name in ("checkpoints", "tensorboard", "pictures"):
        (tmp_path / name).mkdir()
    (tmp_path / "checkpoints" / "mine").write_text("no run's")
    with pytest.raises(InputError, match="something in it that is no run"):
        run.prepare(recipe(), tmp_path, store=store)
    (tmp_path / "checkpoints" / "mine").unlink()
    assert go(recipe, store, tmp_path)["epochs"] == 1
