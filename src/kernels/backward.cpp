// The backward pass of every leaky neuron. Where the forward pass kept the current and no memo (learned decays, and a
// current that was rounded to be kept), it computes forward again: first the states before every MARK steps, then the
// steps between two of them, whose rows stay in the caches.
#include "backward.h"

#include "forward.h"

constexpr int64_t AGAIN_LANES = PIECE;  // of a task that does so

// Room for the steps between two marks.
template <class T> struct Again {
  Forward<T> forward;
  Advance<T> leak, replay;  // the state alone, unless it depends on spikes; and all that backward needs
  T* marks;                 // (T / MARK, 2, B, N)
  int64_t begin, end;
  bool draws;
  Row<T, MARK * AGAIN_LANES> memo, potentials, synapses;
  Row<T, AGAIN_LANES> potential, synapse;  // at a mark

  // Goes through the steps up to `end`, and keeps a state every MARK steps from `begin` on.
  Again(const Leaky& x, const Task& task, int64_t end) : forward(x, task, x.draws && x.kind == GUMBEL), end(end) {
    draws = forward.drawing, forward.drawing = false;
    replay = advance_of<T>(x.kind, x.activation, x.a);
    leak = x.kind < THRESHOLD ? advance_of<T>(LEAK, IDENTITY, 1) : replay;
    begin = task.begin;
    marks = (T*)x.marks + task.span * divide_up(x.steps, MARK) * 2 * forward.pitch + forward.first;
    const bool from_rest = begin > task.warm;
    forward.start(from_rest ? nullptr : x.synapse, from_rest ? nullptr : x.potential);
    forward.warm_up(larger(begin - task.warm, 0), begin);
    for (int64_t t = begin; t < end; t += MARK) {
      memcpy(mark(t), forward.synapse.at, (size_t)forward.lanes * sizeof(T));
      memcpy(mark(t) + forward.pitch, forward.potential.at, (size_t)forward.lanes * sizeof(T));
      leak(forward, t, smaller(t + MARK, end));
    }
  }

  T* mark(int64_t t) { return marks + t / MARK * 2 * forward.pitch; }

  // The steps from the mark before `stop` on up to it.
  void run(Backward<T>& b, int64_t stop) {
    const int64_t origin = (stop - 1) / MARK * MARK, lanes = forward.lanes;
    memcpy(synapse.at, mark(origin), (size_t)lanes * sizeof(T));
    memcpy(potential.at, mark(origin) + forward.pitch, (size_t)lanes * sizeof(T));
    forward.start_at(synapse.at, potential.at);
    for (int64_t n = 0; n < lanes; ++n) b.initial.at[n] = forward.before.at[n];
    const bool keeps = b.x.kind != LEAK;
    forward.drawing = draws;
    forward.out = {nullptr,
                   b.totals ? potentials.at : nullptr,
                   b.totals ? synapses.at : nullptr,
                   {keeps ? memo.at : nullptr, false},
                   lanes,
                   origin,
                   false};
    replay(forward, origin, stop);
    b.kept = {{memo.at, false}, potentials.at, synapses.at, lanes, origin};
    b.state_potential = potential.at, b.state_synapse = synapse.at;
  }
};

template <class T>
static void fill(Row<T, MOST_LANES>& row, const Task& task, int64_t width, const T* from, const Backward<T>& b) {
  const int64_t last = task.end + task.warm;
  for (int64_t n = 0; n < b.lanes; ++n) row.at[n] = from && b.end_of(n / width) <= last ? from[n] : 0;
}

// From `end` down to the task's first step; `back(stop, t)` goes from t to stop.
template <class T, class Back> static bool backward(Backward<T>& b, Back back) {
  const Leaky& x = b.x;
  const Task& task = b.task;
  const int64_t end = smaller(task.end + task.warm, x.steps), width = task.width;
  fill(b.potential, task, width, b.lane((const T*)x.grad_last_potential), b);
  fill(b.synapse, task, width, b.lane((const T*)x.grad_last_synapse), b);
  memset(&b.later, 0, sizeof b.later);
  b.writes = false;
  back(task.end, end);
  memset(&b.threshold_sum, 0, sizeof b.threshold_sum);
  if (b.totals) memset(&b.sums, 0, sizeof b.sums);
  b.writes = true;
  back(task.begin, task.end);
  fence();
  const size_t size = (size_t)b.lanes * sizeof(T);
  const int64_t part = task.span * b.pitch + b.first;
  if (x.grad_threshold) memcpy((T*)x.grad_threshold + part, b.threshold_sum.at, size);
  for (int64_t k = 0; b.totals && k < b.coefficients; ++k)
    memcpy((T*)x.grad_decays + (task.span * b.coefficients + k) * b.pitch + b.first, b.sums[k].at, size);
  if (task.begin > 0) return !finite(b.potential.at, b.lanes) || !finite(b.synapse.at, b.lanes);
  if (x.kind == DELTA)
    for (int64_t n = 0; n < b.lanes; ++n) {
      Pack<T, 1> f = all<Pack<T, 1>>(b.initial.at[n]);
      b.potential.at[n] -= b.later.at[n] * b.rules.slope.at(f).v[0];
    }
  memcpy(b.lane((T*)x.grad_potential), b.potential.at, size);
  if (x.grad_synapse) memcpy(b.lane((T*)x.grad_synapse), b.synapse.at, size);
  return false;
}

template <class T> static bool backward(const Leaky& x, const Task& task) {
  Backward<T> b(x, task);
  Retreat<T> retreat = retreat_of<T>(x.kind, x.surrogate);
  if (!x.current) {
    b.kept = {b.memo(), nullptr, nullptr, b.pitch, 0};
    if (x.kind == DELTA) {
      Forward<T>::activate(x.activation, b.lanes, b.lane((const T*)x.potential), b.initial.at);
      for (int64_t n = 0; n < b.lanes; ++n)
        b.initial.at[n] = b.kept.memo.rounded(all<Pack<T, 1>>(b.initial.at[n])).v[0];
    }
    return backward(b, [&](int64_t stop, int64_t t) { retreat(b, stop, t); });
  }
  Again<T> again(x, task, smaller(task.end + task.warm, x.steps));
  const bool lost = task.end < x.steps && !again.forward.finite_state();
  return backward(b,
                  [&](int64_t stop, int64_t t) {
                    for (int64_t from; t > stop; t = from) {
                      from = larger((t - 1) / MARK * MARK, stop);
                      again.run(b, t);
                      retreat(b, from, t);
                    }
                  }) ||
         lost;
}

template <class T> static void backward(const Leaky& x) {
  const int64_t size = x.spans * x.rows * x.features * (int64_t)sizeof(T);
  auto clear = [&] {  // what a span has no task for is 0; coupled states have one span
    if (x.spans > 1 && x.grad_decays) memset(x.grad_decays, 0, (size_t)(size * LEAKS));
    if (x.spans > 1 && x.grad_threshold) memset(x.grad_threshold, 0, (size_t)size);
  };
  over_tasks<T>(x, x.current ? AGAIN_LANES : MOST_LANES, clear, backward<T>);
}

OPERATION(backward, Leaky) {
  operands->wide ? backward<double>(*operands) : backward<float>(*operands);
  return 0;
}
