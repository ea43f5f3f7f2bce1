"""What a kernel's code calls firing functions, their activations and surrogates, and resets: kernels know numbers."""

BERNOULLI, GUMBEL, ESCAPE, THRESHOLD, DELTA = 1, 2, 3, 4, 5  # 0: no firing
IDENTITY, SIGMOID, TANH, RELU_TANH = 0, 1, 2, 3
FAST_SIGMOID, TRIANGULAR, LOGISTIC, ARCTAN, BOXCAR = 0, 1, 2, 3, 4
HARD, SOFT = 1, 2  # 0: no reset

CODE = "kind", "activation", "surrogate", "reset", "detach_reset", "draws", "leaky_gain"
"""The integers that tell a kernel what a neuron is: of a firing function (`KernelCode`), then of `fused.Dynamics`."""
LEAKY_GAIN = CODE.index("leaky_gain")

ACTIVATION = {"identity": IDENTITY, "sigmoid": SIGMOID, "tanh": TANH, "relu_tanh": RELU_TANH}
