"""What `import spikescan` loads, and what the package needs to be imported from a checkout that was never installed."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

import spikescan as ss

SOURCE = Path(ss.__file__).parents[1]
EXTRAS = (
    *("numba", "triton", "lightning", "torchmetrics", "h5py", "tonic", "sklearn", "scipy", "matplotlib", "PIL"),
    *("tensorboard", "typer", "rich", "pydantic", "safetensors"),
)


def in_a_new_process(program: str) -> str:
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_importing_does_not_wait_for_torch():
    assert in_a_new_process("import sys, spikescan; print('torch' in sys.modules)") == "False"


def test_the_command_line_does_not_wait_for_torch():
    assert in_a_new_process("import sys, spikescan.cli; print('torch' in sys.modules)") == "False"


def test_the_public_names_load_no_more_than_torch_does():
    program = f"""if True:
        import sys, torch
        before = set(sys.modules)
        from spikescan import *
        print([name for name in {EXTRAS} if name in sys.modules and name not in before])"""
    assert in_a_new_process(program) == "[]"


def test_a_checkout_that_was_never_installed():
    """Without the installed package, and without what a GPU's benchmark can do without."""
    program = f"""if True:
        import sys
        sys.path.insert(0, {str(SOURCE)!r})
        for name in {EXTRAS}:
            sys.modules[name] = None  # importing it raises ModuleNotFoundError
        import spikescan, spikescan.networks, spikescan.info, spikescan.bench.run
        from spikescan import *
        from importlib import metadata
        def not_installed(name): raise metadata.PackageNotFoundError(name)
        metadata.version = not_installed
        from spikescan.training.provenance import provenance
        print(spikescan.__version__, provenance("cpu")["versions"]["spikescan"])"""
    assert in_a_new_process(program) == f"{ss.__version__} {ss.__version__}"


def test_the_version_is_a_literal():
    """The build reads it without importing the package."""
    found = re.findall(r'(?m)^__version__ = "(.+)"$', (SOURCE / "spikescan" / "__init__.py").read_text())
    assert found == [ss.__version__]


def test_every_public_name_is_there():
    assert set(ss.__all__) <= set(dir(ss))
    assert all(getattr(ss, name) is not None for name in dir(ss))


def test_sub_packages_need_no_import_statement():
    program = "import spikescan as ss; print(ss.networks.SpikingMLP.__name__, ss.data.__name__)"
    assert in_a_new_process(program) == "SpikingMLP spikescan.data"


@pytest.mark.parametrize("name", ["SPNS", "_private", "numba"])
def test_an_unknown_name(name):
    with pytest.raises(AttributeError, match=f"module 'spikescan' has no attribute '{name}'"):
        getattr(ss, name)
