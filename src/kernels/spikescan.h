// The interface of the CPU kernels: plain C, one struct of operands a call, called through ctypes.
//
// Sequences are (T, B, N), contiguous, time first; (B, N) is one axis of lanes for the kernels. A pointer that is NULL
// stands for an operand that the neuron lacks or a result that is not wanted. `wide`: numbers are float64, else
// float32. Python reads the structs from a copy of this file (spikescan/native.py), which knows int32_t, int64_t,
// double and pointers, one kind a line; `spikescan_<operation>_size` says whether library and copy fit.
#pragma once
#include <stdint.h>

#if defined(_WIN32)
#define EXPORT extern "C" __declspec(dllexport)
#else
#define EXPORT extern "C" __attribute__((visibility("default")))
#endif
#define OPERATION(name, Operands)                           \
  EXPORT const int64_t spikescan_##name##_size;             \
  const int64_t spikescan_##name##_size = sizeof(Operands); \
  EXPORT int32_t spikescan_##name(const Operands* operands)

// The draws of spikescan.random: float32 (T, B, N).
struct Uniform {
  int64_t steps, rows, features, threads;
  const int64_t *seed, *step;
  float* out;
};

// Integrate, fire and reset, forward and backward. The codes are those of spikescan/firing/_codes.py.
struct Leaky {
  int64_t steps, rows, features, threads;
  int64_t spans;  // into how many time may be cut
  int32_t wide;
  int32_t kind, activation, surrogate, reset, detach_reset, draws, leaky_gain;
  int32_t half;                                               // whether `memo` is float16
  int32_t each_syn, each_mem, each_threshold, each_coupling;  // one number for each feature, else one for all
  double a, b, c;                                             // constants of the firing function
  const void* current;                                        // (T, B, N); backward: NULL where there is a memo
  const double *decay_syn, *decay_mem;                        // (N,) or one number
  const double* coupling;                                     // (7, N) or (7, 1), in place of the decays: see leaky.h
  const void *synapse, *potential;                            // (B, N), the state before the first step
  const void* threshold;                                      // (N,) or one number
  const int64_t *seed, *step;                                 // one number each, where there are draws
  const int64_t* lengths;                                     // (B,)
  void* memo;  // (T, B, N): what backward needs of each step; forward writes it, backward reads it
  // Written by the forward pass.
  void *spikes, *potentials, *synapses;  // (T, B, N); the last without lengths
  void *last_synapse, *last_potential;   // (B, N)
  // Read by the backward pass.
  const void *grad_spikes, *grad_potentials;            // (T, B, N)
  const void *grad_last_synapse, *grad_last_potential;  // (B, N)
  void* marks;  // scratch, (T / 16 rounded up, 2, B, N), where there is a current
  // Written by the backward pass.
  void* grad_current;                   // (T, B, N)
  void* grad_decays;                    // (spans, 3 or 7, B, N), to be summed over spans
  void* grad_threshold;                 // (spans, B, N), likewise
  void *grad_synapse, *grad_potential;  // (B, N)
};

// MPE-PSN, forward and backward.
struct Estimate {
  int64_t steps, rows, features, threads;
  int32_t wide, previous, draws;
  double decay;
  const void* x;          // (T, B, N)
  const void* carried;    // (B, N)
  const void* threshold;  // one number
  const int64_t* seed;    // where there are draws
  const int64_t* step;
  const int64_t* lengths;  // (B,)
  // Written by the forward pass.
  void *spikes, *potential;  // (T, B, N)
  void* carry;               // (B, N)
  double* distance;          // (tasks, T): sums of (û - u)², to be summed over tasks
  // Read by the backward pass.
  const void *grad_spikes, *grad_potential;  // (T, B, N)
  const void* grad_carry;                    // (B, N)
  const void* grad_distance;                 // (T,)
  // Written by the backward pass.
  void* grad_x;            // (T, B, N)
  void* grad_carried;      // (B, N)
  double* grad_threshold;  // (tasks,), to be summed
};

// A linear layer of events, forward (gather) and the gradient of its weight (scatter).
struct Events {
  int64_t events, steps, rows, channels, features, threads;
  int64_t spans;  // into how many time is cut
  int32_t wide;
  const int32_t *step, *row, *channel;  // (E,), inside the shape
  const void* value;                    // (E,) or NULL: 1
  // Read by gather.
  const void* weight;       // (C, N)
  const void* bias;         // (N,) or NULL: 0
  int64_t* ends;            // scratch, (B, T)
  int32_t* sorted_channel;  // scratch, (E,)
  void* sorted_value;       // scratch, (E,), where there are values
  void* out;                // (T, B, N), written by gather
  const void* grad;         // (T, B, N), read by scatter
  void* tables;             // (threads, C, N), written by scatter, to be summed
};

// The product with an input that is 0 or 1, and the gradients of its weight and bias.
struct Spikes {
  int64_t rows, inputs, outputs, threads;
  int64_t shares;   // of the rows, each done by one thread
  uint32_t* bits;   // (K / 32 rounded up, M), bit k mod 32 of a word is input k; the product writes it
  uint32_t* index;  // scratch, (shares, K / 4 rounded up, 128); gradient: (shares, 32, K in whole 64)
  // Of the product.
  const float* spikes;  // (M, K)
  const float* weight;  // (N, K)
  const float* bias;    // (N,) or NULL: 0
  float* tables;        // scratch, (N / 4 rounded up, K / 4 rounded up, 64)
  float* out;           // (M, N)
  // Of the gradient.
  const float* grad;  // (M, N)
  float* sums;        // (shares, N in whole 4, K in whole 64), to be summed
  float* totals;      // (shares, N in whole 4), to be summed
};

// Where the bins of one axis of some images go when it is scaled by `factor` and shifted: bin k of row i, which begins
// at start[i], to the number[k] bins from first[k] on.
struct Targets {
  int64_t rows;
  const double* factor;     // (B,)
  const int64_t* shift;     // (B,)
  const int64_t* start;     // (B + 1,)
  int64_t *first, *number;  // written
};

// The copies of events that such images show.
struct Copies {
  int64_t events, rows;
  const int64_t *step, *row, *channel;
  const int64_t *time_start, *time_first, *time_number;
  const int64_t *channel_start, *channel_first, *channel_number;
  int64_t* total;  // how many there are
  int32_t* out;    // (3, total + 4): step, row, channel
};

// Sound at the ear to spikes of bushy cells, in the stages of spikescan/audio/_reference.py: membrane, hair cells,
// nerve fibres, bushy cells. One of `sound`, `velocity` and `probability` is given, and the stages begin behind it;
// spikes NULL: they end with `probabilities`. Lanes are channels, padded to whole blocks of 64.
struct Cochlea {
  int64_t steps, channels, lanes, threads;
  int64_t poles, dead;
  int64_t first;                                // channel of the first lane
  const float *sound, *velocity, *probability;  // (T, 2): x[2t - 1] and x[2t]; (T, lanes) each
  const float* coefficients;                    // (P, 6, lanes): λ², bλ and b, real and imaginary
  float y, g, l_plus_r, r, x, a, b, h, m;       // hair cells, rates times dt
  float leak_current, leak_potential, weight, hold;
  int64_t seed, step;
  float *pools, *bushy, *ready, *silent, *z;  // state: (3, lanes), (3, lanes), (lanes,), (dead, lanes), (P, 2, lanes)
  float* scratch;                             // (blocks, 2, 32, 64)
  // Written.
  float* probabilities;  // (T, lanes)
  int64_t capacity;      // spikes that a block has room for
  int64_t* spikes;       // (blocks, capacity): step · channels + channel, steps from this call's first
  int64_t* counts;       // (blocks,)
};

// Each output is the product of a row of `filter`, that of its phase, with the samples from `start` on.
struct Resample {
  int64_t outputs, taps;          // taps is a multiple of 16
  const int64_t *start, *phase;   // (outputs,)
  const float *samples, *filter;  // filter: (phases, taps)
  float* out;
};

// Half the spectrum of a real velocity for each channel: a sound's times a response that lies in a table.
struct Spectra {
  int64_t channels, bins, points, taps, threads;
  const float* table;    // (C, points, 2)
  const int64_t* first;  // (bins,): the first point of each bin's interpolation
  const float* weight;   // (bins, taps)
  const float* sound;    // (bins, 2)
  const int64_t* ends;   // (C,): the bin from which on the response is nothing
  float* out;            // (C, bins / 2 + 1, 2)
};

// A delay for each feature: as a causal filter, forward and backward, or in whole steps (shift).
struct Delay {
  int64_t steps, rows, features, threads;
  int64_t taps;    // D; a shift is at most D - 1
  int64_t groups;  // of the rows, each with a table of its own
  int32_t wide;
  const void* x;           // (T, B, N)
  const void* history;     // (D - 1, B, N), the steps before x, or NULL: 0
  const void* filter;      // (D, N)
  const int64_t* shift;    // (N,), steps, instead of a filter
  const int64_t* lengths;  // (B,)
  void* out;               // (T, B, N), written by filter and shift
  // Of the backward pass; a result that is NULL is not wanted.
  const void* grad;             // (T, B, N)
  void *grad_x, *grad_history;  // (T, B, N), (D - 1, B, N)
  void *tables, *grad_filter;   // scratch (groups, D, N); (D, N)
};
