"""Fine-tuning: a new network that begins with the weights of a finished run."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import torch
from torch import nn

from spikescan.errors import InputError
from spikescan.training.evaluate import read_weights
from spikescan.training.folder import RunFolder


def initialise(network: nn.Module, run: Path, say: Callable[[str], None]) -> None:
    """Copy the run's weights into ``network``; what has another shape or is missing there begins anew, and is said.

    Raises:
        InputError: where ``run`` holds no finished run, or nothing in it fits.
    """
    found, own = read_weights(RunFolder(run).model), network.state_dict()
    fitting = {name: tensor for name, tensor in found.items() if name in own and own[name].shape == tensor.shape}
    if not any(isinstance(own[name], torch.Tensor) and own[name].dim() > 1 for name in fitting):
        raise InputError(f"training.init_from: no layer of {run} has the shape of one of this network")
    network.load_state_dict(own | fitting)
    anew = sorted(own.keys() - fitting.keys())
    say(f"starting from {run}" + (f"; begin anew: {', '.join(anew)}" if anew else ""))
