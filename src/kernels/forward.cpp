// The forward pass of every leaky neuron: integrate, fire and reset, one pass over memory.
#include "forward.h"

// Returns whether the task holds back from the next span of time what is not finite, and so would not have vanished.
template <class T> static bool forward(const Leaky& x, const Task& task) {
  Forward<T> f(x, task, x.draws != 0);
  Advance<T> advance = advance_of<T>(x.kind, x.activation, x.a);
  const bool from_rest = task.begin > task.warm;
  f.start(from_rest ? nullptr : x.synapse, from_rest ? nullptr : x.potential);
  f.warm_up(larger(task.begin - task.warm, 0), task.begin);
  T* potentials = f.lane((T*)x.potentials);
  f.out = {f.lane((T*)x.spikes), potentials, f.lane((T*)x.synapses), f.memo(), f.pitch, 0, true};
  const void* sequences[] = {x.spikes, x.potentials, x.half ? nullptr : x.memo};
  for (const void* sequence : sequences)
    if (sequence && !f.streamable(sequence)) f.out.past_caches = false;
  advance(f, task.begin, task.end);
  fence();
  for (int64_t row = 0; row < task.rows; ++row) {
    const int64_t last = larger(f.end_of(row) - 1, 0), n = row * task.width, count = task.width;
    if (last < task.begin || last >= larger(task.end, 1)) continue;
    if (x.last_synapse) memcpy(f.lane((T*)x.last_synapse) + n, f.synapse.at + n, (size_t)count * sizeof(T));
    memcpy(f.lane((T*)x.last_potential) + n, f.potential.at + n, (size_t)count * sizeof(T));
  }
  return task.end < x.steps && !f.finite_state();
}

template <class T> static void forward(const Leaky& x) {
  over_tasks<T>(x, MOST_LANES, [] {}, forward<T>);
}

OPERATION(forward, Leaky) {
  operands->wide ? forward<double>(*operands) : forward<float>(*operands);
  return 0;
}
