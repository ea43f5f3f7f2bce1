// Integrate, fire and reset: the steps of a task, forward. The forward pass writes what it is asked for; the backward
// pass goes through the same steps to compute again what was not kept.
#pragma once
#include "draws.h"
#include "firing.h"

// Where results go: of the task's lanes, from step `origin` on.
template <class T> struct Outputs {
  T *spikes = nullptr, *potentials = nullptr, *synapses = nullptr;
  Memo<T> memo = {};
  int64_t pitch = 0, origin = 0;
  bool past_caches = false;
};

template <class T> struct Forward;
// Steps `begin` to `end` of a task, with the firing function that this was compiled for.
template <class T> using Advance = void (*)(Forward<T>&, int64_t begin, int64_t end);
template <class T> Advance<T> advance_of(int32_t kind, int32_t activation, double a);

template <class T> struct Forward : Lanes<T> {
  using Lanes<T>::x, Lanes<T>::task, Lanes<T>::lanes, Lanes<T>::pitch, Lanes<T>::first, Lanes<T>::piece;
  Outputs<T> out;
  int64_t tile;  // steps for which the state of a pack stays in registers
  bool drawing;
  Row<T, MOST_LANES> synapse, potential, before;  // state, and what a step keeps for the next one
  Row<float, 8 * PIECE> draws;                    // of a piece, for the steps of a tile
  Counters counters;

  Forward(const Leaky& x, const Task& task, bool drawing) : Lanes<T>(x, task), drawing(drawing) {
    tile = larger(4, smaller(64, PIECE / piece));
    int64_t rows = piece / task.width, each = Counters::blocks(task.width) * rows;
    if (drawing) counters.fill(task.first, task.width, rows, each * tile <= 256 ? tile : 1);
    else
      for (float& draw : draws.at) draw = 0.5f;
  }

  // From a state (B, N); from rest; from a state of the task's lanes.
  void start(const void* synapse_, const void* potential_) {
    start_at(synapse_ ? (const T*)synapse_ + first : nullptr, potential_ ? (const T*)potential_ + first : nullptr);
  }
  void start_at(const T* from_synapse, const T* from_potential) {
    for (int64_t n = 0; n < lanes; ++n) synapse.at[n] = from_synapse ? from_synapse[n] : 0;
    for (int64_t n = 0; n < lanes; ++n) potential.at[n] = from_potential ? from_potential[n] : 0;
    warm_up(0, 0);
  }

  // The state alone, of a neuron without reset.
  void warm_up(int64_t begin, int64_t end) {
    if (begin < end) advance_of<T>(LEAK, IDENTITY, 1)(*this, begin, end);
    if (x.kind == DELTA) activate(x.activation, lanes, potential.at, before.at);
  }

  bool finite_state() const { return finite(synapse.at, lanes) && finite(potential.at, lanes); }

  // f(u) of each lane.
  static void activate(int32_t activation, int64_t lanes, const T* u, T* f);

  void draw(int64_t begin, int64_t t, int64_t stop) {
    for (int64_t k = t; k < stop; k += counters.steps)
      counters.draw(draws.at + (k - t) * piece, (uint64_t)*x.seed, (uint64_t)(task.row + begin / task.width),
                    (uint64_t)(*x.step + k));
  }

  void clear(int64_t t, int64_t stop, int64_t lo, int64_t hi) {
    for (; t < stop; ++t) {
      int64_t at = (t - out.origin) * out.pitch + lo, count = hi - lo;
      if (out.spikes) memset(out.spikes + at, 0, (size_t)count * sizeof(T));
      if (out.potentials) memset(out.potentials + at, 0, (size_t)count * sizeof(T));
      int64_t size = out.memo.half ? 2 : (int64_t)sizeof(T);
      if (out.memo) memset((char*)out.memo.at + at * size, 0, (size_t)(count * size));
    }
  }
};

template <class T, class Fire> struct Stepping {
  Forward<T>& f;
  int64_t t, stop, begin;  // a tile's steps, and where its piece of the lanes begins

  template <int K> INLINE void operator()(int64_t n, int64_t count) const {
    using P = Pack<T, K>;
    const Outputs<T>& out = f.out;
    const int64_t at = n - begin, steps = f.x.steps;
    const auto c = [&](int k) __attribute__((always_inline)) { return load<P>(f.c[k].at + at); };
    const P alpha = c(ALPHA), beta = c(BETA), gain = c(GAIN);
    const P threshold = Fire::draws ? P{} : load<P>(f.threshold.at + at);
    const bool past_caches = out.past_caches && (K > 1 || (BYTES == LINE && count >= P::lanes)), synaptic = f.synaptic;
    P i = load<P>(f.synapse.at + n), u = load<P>(f.potential.at + n);
    P before = Fire::carries ? load<P>(f.before.at + n) : P{};
    const T* current = (const T*)f.x.current + f.first + n;
    const float* draws = f.draws.at + at;
    for (int64_t k = t; k < stop; ++k, draws += f.piece) {
      if (K > 1) prefetch(current + smaller(k + f.tile, steps - 1) * f.pitch, P::lanes);
      const P now = load<P>(current + k * f.pitch, count);
      P w;
      if (f.coupled) {
        w = fma(c(UU), u, fma(c(UI), i, c(UX) * now));
        i = fma(c(II), i, fma(c(IU), u, c(IX) * now));
      } else {
        i = synaptic ? fma(alpha, i, now) : now;
        w = fma(beta, u, gain * i);
      }
      const Fired<P> fired = Fire::fire(Potential<P>{w, before, threshold, draws, (T)f.x.a, (T)f.x.b, (T)f.x.c});
      if (Fire::carries) before = fired.kept;
      u = Fire::resets ? w - fired.spike * (f.hard * w + f.soft * threshold) : w;
      if (Fire::resets && f.coupled) i = fma(c(JUMP), fired.spike, i);
      const int64_t place = (k - out.origin) * out.pitch + n;
      if (Fire::fires && out.spikes) put(out.spikes + place, fired.spike, count, past_caches);
      if (Fire::fires && out.memo) out.memo.put(place, fired.kept, count, past_caches);
      if (out.potentials) put(out.potentials + place, u, count, past_caches);
      if (out.synapses) store(out.synapses + place, i, count);
    }
    store(f.synapse.at + n, i, count);
    store(f.potential.at + n, u, count);
    if (Fire::carries) store(f.before.at + n, before, count);
  }

  template <class P> static INLINE void put(T* to, P x, int64_t count, bool past_caches) {
    past_caches ? stream(to, x) : store(to, x, count);
  }
};

template <class T, class Fire> void advance(Forward<T>& f, int64_t begin, int64_t end) {
  for (int64_t t = begin, stop; t < end; t = stop) {
    stop = f.next_change(t, smaller(t + f.tile, end));
    for (int64_t lane = 0; lane < f.lanes; lane += f.piece) {
      if (Fire::draws && f.drawing) f.draw(lane, t, stop);
      f.runs(
          lane, t, [&](int64_t lo, int64_t hi) { over_lanes<T>(lo, hi, Stepping<T, Fire>{f, t, stop, lane}); },
          [&](int64_t lo, int64_t hi) { f.clear(t, stop, lo, hi); });
    }
  }
}
