"""What a kernel's code calls firing functions, their activations and surrogates, and resets: kernels know numbers."""

BERNOULLI, GUMBEL, ESCAPE, THRESHOLD, DELTA = 1, 2, 3, 4, 5  # 0: no firing
IDENTITY, SIGMOID, TANH, RELU_TANH = 0, 1, 2, 3
FAST_SIGMOID, TRIANGULAR, LOGISTIC, ARCTAN, BOXCAR = 0, 1, 2, 3, 4
HARD, SOFT = 1, 2  # 0: no reset

ACTIVATION = {"identity": IDENTITY, "sigmoid": SIGMOID, "tanh": TANH, "relu_tanh": RELU_TANH}
