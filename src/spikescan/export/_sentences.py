"""What a user should know of an exported network that its outputs do not say."""

from ..networks import FrameNetwork
from ..neurons import MPEPSN
from ..neurons._integrating import IntegratingNeuron
from ._plain import Network


def deterministic_forms(network: Network) -> list[str]:
    """A sentence for each kind of layer that draws."""
    forms: dict[str, list[str]] = {}
    for k, neuron in enumerate(network.neurons):
        if isinstance(neuron, IntegratingNeuron) and neuron.dynamics.draws:
            form = f"{neuron.dynamics.firing} is exported without draws: it fires where its probability exceeds 1/2."
        elif isinstance(neuron, MPEPSN) and not neuron.deterministic:
            form = "MPEPSN is exported without draws: (1 - σ(I))·I stands for the estimate of the membrane."
        else:
            continue
        forms.setdefault(form, []).append(str(k + 1))
    return [f"Layer{'s' * (len(layers) > 1)} {', '.join(layers)}: {form}" for form, layers in forms.items()]


def shown_frames(network: Network) -> list[str]:
    """What `run` does to an image that one step cannot."""
    if not isinstance(network, FrameNetwork) or network.steps is None:
        return []
    return [f"Run the step {network.steps} times on each image: the network shows a single frame that often."]
