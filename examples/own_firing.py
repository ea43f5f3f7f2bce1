"""A firing function of one's own in a layer that is otherwise SPSN: draws, carried state and gradients included."""

import torch

import spikescan as ss
from spikescan.firing import Firing, straight_through


class Cauchy(Firing):
    """Fires with probability 1/2 + arctan(u)/π; the gradient is that of the probability."""

    stochastic = True

    def __call__(self, potential, previous, uniform, threshold):
        probability = 0.5 + torch.atan(potential) / torch.pi
        return straight_through((uniform < probability).to(potential.dtype), probability)


neuron = ss.SPSN(firing=Cauchy())
current = torch.randn(500, 4, 16, requires_grad=True)  # (T, B, N)
spikes = neuron(current, seed=7)
spikes.mean().backward()
print(f"{spikes.mean():.3f} spikes a step and neuron, gradient norm {current.grad.norm():.2e}")

first, state = neuron.advance(current[:200], seed=7)
rest, state = neuron.advance(current[200:], state)
assert torch.equal(torch.cat([first, rest]), spikes), "chunks are the whole, draws included"
