// The adjoint of integrate, fire and reset: the steps of a task, from the last one to the first.
#pragma once
#include "leaky.h"
#include "surrogate.h"

// What the forward pass kept of the task's lanes, from step `origin` on; potentials and synapses where decays learn.
template <class T> struct Kept {
  Memo<T> memo;
  const T *potentials, *synapses;
  int64_t pitch, origin;
};

template <class T> struct Backward : Lanes<T> {
  using Lanes<T>::x, Lanes<T>::task, Lanes<T>::lanes, Lanes<T>::first, Lanes<T>::piece;
  Kept<T> kept{};
  Rules<T> rules;
  int64_t tile;
  bool past_caches, writes, totals;
  const T *state_potential, *state_synapse;  // before step `origin`, of the task's lanes
  // Gradients of potential and synaptic current that arrive at a step, and what it takes from f(u) of this one.
  Row<T, MOST_LANES> potential, synapse, later;
  Row<T, MOST_LANES> initial;  // f(u) before step `origin`, as a memo keeps it
  Row<T, MOST_LANES> threshold_sum;
  Row<T, PIECE> sums[COUPLING];

  Backward(const Leaky& x, const Task& task)
      : Lanes<T>(x, task),
        rules{this->hard, this->soft, (T)(x.detach_reset ? 0 : 1), (T)x.a, ActivationSlope<T>(x.activation)} {
    tile = larger(4, smaller(64, PIECE / piece));
    totals = x.grad_decays;
    past_caches = this->streamable(x.grad_current);
  }

  void clear(int64_t t, int64_t stop, int64_t lo, int64_t hi) {
    for (; writes && t < stop; ++t)
      memset(this->lane((T*)x.grad_current) + t * this->pitch + lo, 0, (size_t)(hi - lo) * sizeof(T));
  }
};

// Steps `end` - 1 down to `begin`, with the surrogate that this was compiled for.
template <class T> using Retreat = void (*)(Backward<T>&, int64_t begin, int64_t end);
template <class T> Retreat<T> retreat_of(int32_t kind, int32_t surrogate);

template <class T, class Fire> struct Returning {
  Backward<T>& b;
  int64_t t, stop, begin;  // a tile's steps, and where its piece of the lanes begins

  template <int K> INLINE void operator()(int64_t n, int64_t count) const {
    using P = Pack<T, K>;
    const Leaky& x = b.x;
    const Kept<T>& kept = b.kept;
    const int64_t at = n - begin, pitch = b.pitch;
    const auto c = [&](int k) __attribute__((always_inline)) { return load<P>(b.c[k].at + at); };
    const P alpha = c(ALPHA), beta = c(BETA), gain = c(GAIN);
    const bool jumps = Fire::resets && b.coupled;
    const P threshold = Fire::compares ? load<P>(b.threshold.at + at) : P{};
    const bool past_caches = b.past_caches && (K > 1 || (BYTES == LINE && count >= P::lanes)), synaptic = b.synaptic;
    P u = load<P>(b.potential.at + n), i = load<P>(b.synapse.at + n);
    P later = Fire::carries ? load<P>(b.later.at + n) : P{};
    P sum = Fire::compares ? load<P>(b.threshold_sum.at + n) : P{};
    const T *g = b.lane((const T*)x.grad_spikes), *p = b.lane((const T*)x.grad_potentials);
    T* out = b.lane((T*)x.grad_current) + n;
    P now = Fire::fires ? kept.memo.template get<P>((stop - 1 - kept.origin) * kept.pitch + n, count) : P{};
    P before = {};
    for (int64_t k = stop - 1; k >= t; --k) {
      const int64_t soon = larger(k - b.tile, 0), place = (k - kept.origin) * kept.pitch + n;
      if (K > 1 && Fire::fires && g) prefetch(g + soon * pitch + n, P::lanes);
      if (K > 1 && p) prefetch(p + soon * pitch + n, P::lanes);
      if (K > 1 && Fire::fires) kept.memo.fetch(larger(place - b.tile * kept.pitch, n), P::lanes);
      if (Fire::fires && k > kept.origin) before = kept.memo.template get<P>(place - kept.pitch, count);
      else if (Fire::carries) before = load<P>(b.initial.at + n);
      if (p) u = u + load<P>(p + k * pitch + n, count);
      const P spikes = Fire::fires && g ? load<P>(g + k * pitch + n, count) : all<P>(0);
      const P jumped = jumps ? c(JUMP) * i : all<P>(0);
      const Answer<P> answer = Fire::answer(Arriving<P>{spikes, u, now, before, threshold, later, jumped}, b.rules);
      const P current = b.coupled ? fma(c(UX), answer.charge, c(IX) * i) : fma(gain, answer.charge, i);
      if (b.writes) past_caches ? stream(out + k * pitch, current) : store(out + k * pitch, current, count);
      if (b.totals && b.writes) add_totals(n, k, count, answer.charge, b.coupled ? i : current, now);
      if (Fire::compares && x.grad_threshold) sum = sum - answer.fallen;
      later = answer.passed, now = before;
      if (b.coupled) {
        u = fma(c(UU), answer.charge, c(IU) * i);
        i = fma(c(UI), answer.charge, c(II) * i);
      } else {
        u = beta * answer.charge, i = synaptic ? alpha * current : all<P>(0);
      }
    }
    store(b.potential.at + n, u, count);
    store(b.synapse.at + n, i, count);
    if (Fire::carries) store(b.later.at + n, later, count);
    if (Fire::compares) store(b.threshold_sum.at + n, sum, count);
  }

  // What step k adds to the gradients of the coefficients; charge and current are the gradients of u[k] and i[k].
  template <class P> INLINE void add_totals(int64_t n, int64_t k, int64_t count, P charge, P current, P now) const {
    const int64_t place = (k - b.kept.origin) * b.kept.pitch + n;
    const bool inside = k > b.kept.origin;
    const P u = load<P>(inside ? b.kept.potentials + place - b.kept.pitch : b.state_potential + n, count);
    const P i = load<P>(inside ? b.kept.synapses + place - b.kept.pitch : b.state_synapse + n, count);
    const auto add = [&](int which, P x, P y) __attribute__((always_inline)) {
      T* sum = b.sums[which].at + n;
      store(sum, fma(x, y, load<P>(sum)), count);
    };
    if (!b.coupled) {
      add(ALPHA, current, i), add(BETA, charge, u), add(GAIN, charge, load<P>(b.kept.synapses + place, count));
      return;
    }
    const P x = load<P>(b.lane((const T*)b.x.current) + k * b.pitch + n, count);
    add(II, current, i), add(IU, current, u), add(IX, current, x);
    add(UU, charge, u), add(UI, charge, i), add(UX, charge, x);
    if (Fire::resets) add(JUMP, current, select(now > T(0), all<P>(1), all<P>(0)));
  }
};

template <class T, class Fire> void retreat(Backward<T>& b, int64_t begin, int64_t end) {
  for (int64_t t = end, stop; t > begin; t = stop) {
    stop = b.last_change(t, larger(t - b.tile, begin));
    for (int64_t lane = 0; lane < b.lanes; lane += b.piece)
      b.runs(
          lane, t - 1, [&](int64_t lo, int64_t hi) { over_lanes<T>(lo, hi, Returning<T, Fire>{b, stop, t, lane}); },
          [&](int64_t lo, int64_t hi) { b.clear(stop, t, lo, hi); });
  }
}
