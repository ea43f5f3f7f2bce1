"""What the kernels read and write in half precision, straight from and to memory."""

import pytest
import torch
from oracle import strided

from spikescan.fused._triton import launch_backward, launch_forward

STEPS, ROWS, FEATURES = 9, 2, 6
BERNOULLI = [1, 1, 0, 0, 1, 1, 1]
CONSTANTS = [0.0, 0.0, 0.0]


def run(current, memo: torch.dtype, device: str):
    """Outputs of the forward kernel and the gradient of the current, in the dtype of the current."""
    row = torch.zeros(ROWS, FEATURES, device=device)
    rate = torch.full((FEATURES,), 0.9, dtype=torch.float64, device=device)
    absent = torch.empty(0, device=device)
    number = torch.tensor(3, device=device)
    operands = (
        current,
        rate,
        rate[:1],
        absent,
        row,
        row,
        absent,
        number,
        number,
        torch.empty(0, dtype=torch.int64, device=device),
    )
    outputs = [torch.empty_like(current) for _ in range(2)]
    kept = torch.empty(current.shape, dtype=memo, device=device)
    nothing = torch.empty(0, ROWS, FEATURES, device=device)
    wanted = (*outputs, nothing, kept, torch.empty_like(row), torch.empty_like(row))
    launch_forward(operands, BERNOULLI, CONSTANTS, wanted)
    grads = [strided(current.shape, torch.float32, device).to(current.dtype).contiguous(), nothing, row, row]
    gradients = [torch.empty_like(current), *[row[:0]] * 2, torch.zeros_like(row), torch.zeros_like(row)]
    launch_backward(grads, operands, BERNOULLI, CONSTANTS, (nothing, nothing, kept), gradients)
    return [*outputs, wanted[4], wanted[5], gradients[0]]


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_half_precision_currents(dtype, device):
    current = strided((STEPS, ROWS, FEATURES), torch.float32, device, scale=1.0).to(dtype).contiguous()
    spikes, potentials, *rest = run(current, torch.float32, device)
    spikes32, potentials32, *rest32 = run(current.float(), torch.float32, device)
    assert torch.equal(spikes, spikes32.to(dtype))
    torch.testing.assert_close(potentials, potentials32.to(dtype))
    torch.testing.assert_close(rest[:2], rest32[:2])
    torch.testing.assert_close(rest[2].float(), rest32[2], rtol=2e-2, atol=1e-2)


def test_half_precision_memo(device):
    current = strided((STEPS, ROWS, FEATURES), torch.float32, device)
    found, expected = (run(current.contiguous(), memo, device) for memo in (torch.float16, torch.float32))
    torch.testing.assert_close(found[:4], expected[:4])
    torch.testing.assert_close(found[4], expected[4], rtol=1e-3, atol=1e-4)
