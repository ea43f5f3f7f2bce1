"""What the command line loads before it knows what to do."""

import os
import subprocess
import sys


def test_help_imports_nothing_slow():
    check = (
        "import sys; from spikescan import cli; sys.argv = ['spikescan', '--help']\n"
        "try: cli.main()\n"
        "except SystemExit as stop: assert not stop.code\n"
        "slow = {'lightning', 'h5py', 'matplotlib', 'sklearn', 'tensorboard', 'tonic'} & sys.modules.keys()\n"
        "assert not slow, slow"
    )
    done = subprocess.run([sys.executable, "-c", check], capture_output=True, text=True, env=os.environ)
    assert done.returncode == 0, done.stderr
    assert "evaluate" in done.stdout
