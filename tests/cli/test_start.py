"""What the command line loads before it knows what to do: help, version and completion wait for nothing slow."""

import json
import os
import subprocess
import sys

import pytest

import spikescan
from spikescan.cli import COMMANDS, _names
from spikescan.data.sources import SOURCES
from spikescan.papers.experiment import experiments
from spikescan.training import neurons, recipe_files

SLOW = ["torch", "numpy", "pydantic", "lightning", "h5py", "matplotlib", "sklearn", "tensorboard", "tonic", "rich"]
WORDS = ["--help"], ["-h"], ["--version"], ["train", "--help"], ["data", "info", "-h"], ["reproduce", "-h"]


def test_help_and_version_import_nothing_slow():
    program = f"""if True:
        import sys
        from spikescan import cli
        for words in {WORDS}:
            sys.argv = ["spikescan", *words]
            try: cli.main()
            except SystemExit as end: assert not end.code, end.code
            slow = set({SLOW}) & sys.modules.keys()
            assert not slow, (words, slow)
        import spikescan.data.catalog, spikescan.data.fetch, spikescan.data.info
        assert 'torch' not in sys.modules  # which `spikescan data` does without
    """
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert f"spikescan {spikescan.__version__}\n" in done.stdout
    assert done.stdout.count("Usage: spikescan") == len(WORDS) - 1


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("train dvs", {"dvsgesture"}),
        ("train digits --neuron spsn-", {"spsn-sb", "spsn-gs"}),
        ("train digits --recipe pub", {"published"}),
        ("reproduce spsn-t", {"spsn-table2"}),
        ("evaluate run --split te", {"test"}),
    ],
)
def test_completion_in_a_shell(words, expected):
    program = "import sys; from spikescan.cli import main\ntry: main()\nfinally: assert 'torch' not in sys.modules"
    line = f"spikescan {words}"
    shell = {"_SPIKESCAN_COMPLETE": "complete_bash", "COMP_WORDS": line, "COMP_CWORD": str(line.count(" "))}
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, env=os.environ | shell)
    assert done.returncode == 0, done.stderr
    assert set(done.stdout.split()) == expected


def test_names_that_are_completed_are_those_that_are_known():
    assert set(_names.data_sets()) == set(SOURCES)
    assert set(_names.neurons()) == set(neurons.names())
    assert _names.recipes() == recipe_files.packaged()
    assert set(_names.experiments()) == set(experiments())


def test_completion_can_be_installed(call):
    shown = call("--help").stdout
    assert "--install-completion" in shown
    assert "--show-completion" in shown


@pytest.mark.parametrize("name", [*COMMANDS, "import"])
def test_every_command_has_help(call, name):
    shown = call(name, "-h").stdout
    assert shown == call(name, "--help").stdout
    assert shown.startswith(f"Usage: root {name} " if "Usage: root" in shown else f"Usage: spikescan {name} ")
    assert len(shown.splitlines()[2]) > 20  # a sentence of what it does


def test_help_says_what_a_folder_holds(call):
    for name, words in {
        "train": ("metrics.csv", "model.safetensors", "pictures/"),
        "reproduce": ("report.html", "results.csv"),
        "bench": ("bench.csv", "map.png"),
        "demo": ("comparison.png",),
    }.items():
        shown = call(name, "--help").stdout
        assert all(word in shown for word in words)


def test_info_as_json_is_alone_on_stdout(call):
    assert json.loads(call("info", "--json").stdout)["versions"]["spikescan"] == spikescan.__version__
