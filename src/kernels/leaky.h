// What the forward and the backward pass of a leaky neuron have in common: a task's lanes in pieces, with the decays
// and thresholds of a piece, which repeat from piece to piece.
#pragma once
#include "functions.h"
#include "parallel.h"
#include "plan.h"
#include "spikescan.h"

// As in spikescan/firing/_codes.py.
enum Kind { LEAK, BERNOULLI, GUMBEL, ESCAPE, THRESHOLD, DELTA };
enum Activation { IDENTITY, SIGMOID, TANH, RELU_TANH };
enum SurrogateKind { FAST_SIGMOID, TRIANGULAR, LOGISTIC, ARCTAN, BOXCAR };
enum Reset { NONE, HARD, SOFT };

// The coefficients of two leaks in a row, i[t] = α i[t-1] + x[t], u[t] = β u[t-1] + gain i[t]; and of two states that
// drive each other, i[t] = II i[t-1] + IU u[t-1] + IX x[t], u[t] = UI i[t-1] + UU u[t-1] + UX x[t], where each spike
// then adds JUMP to i.
enum Leaks { ALPHA, BETA, GAIN, LEAKS };
enum Coupling { II, IU, IX, UU, UI, UX, JUMP, COUPLING };

constexpr int64_t STAGGER =
    768;  // bytes that keep arrays apart within a page: a load waits for a store to the same place

// Numbers of a task's lanes on the stack. Whole vectors may be read behind the last one.
template <class T, int64_t N> struct alignas(LINE) Row {
  T at[N + STAGGER / sizeof(T)];
};

template <class T> struct Lanes {
  const Leaky& x;
  Task task;
  int64_t lanes, pitch, first;  // of a task, of a step, of all before the task
  int64_t piece;                // lanes of a piece: some rows, or a part of one
  bool synaptic, coupled;
  int64_t coefficients;
  T hard, soft;  // 1 for that reset
  Row<T, PIECE> c[COUPLING], threshold;

  Lanes(const Leaky& x, const Task& task) : x(x), task(task), synaptic(x.decay_syn), coupled(x.coupling) {
    coefficients = coupled ? (int64_t)COUPLING : (int64_t)LEAKS;
    lanes = task.lanes(), pitch = x.rows * x.features, first = task.row * x.features + task.first;
    piece = task.width * smaller(rows_of_piece(task.width), task.rows);
    hard = x.reset == HARD, soft = x.reset == SOFT;
    for (int64_t n = 0, feature = task.first; n < piece; ++n, ++feature) {
      if (feature == task.first + task.width) feature = task.first;
      for (int k = 0; coupled && k < COUPLING; ++k)
        c[k].at[n] = (T)x.coupling[x.each_coupling ? k * x.features + feature : k];
      if (!coupled) {
        const double mem = x.decay_mem[x.each_mem ? feature : 0];
        c[ALPHA].at[n] = synaptic ? (T)x.decay_syn[x.each_syn ? feature : 0] : 0;
        c[BETA].at[n] = (T)mem;
        c[GAIN].at[n] = x.leaky_gain ? (T)(1 - mem) : 1;
      }
      threshold.at[n] = x.threshold ? ((const T*)x.threshold)[x.each_threshold ? feature : 0] : 0;
    }
  }

  // As many as come to half a piece, and where possible to whole cache lines.
  static int64_t rows_of_piece(int64_t width) {
    int64_t line = 1;
    while (line * width % (LINE / 4)) ++line;
    int64_t rows = PIECE / 2 / width;
    return rows > line ? rows - rows % line : larger(rows, line * width <= PIECE ? line : 1);
  }

  int64_t end_of(int64_t row) const { return x.lengths ? smaller(x.lengths[task.row + row], x.steps) : x.steps; }

  // The first step after t, up to `last`, that a row is no longer in; and the last one before t, down to `first`.
  int64_t next_change(int64_t t, int64_t last) const {
    for (int64_t row = 0; x.lengths && row < task.rows; ++row) {
      int64_t end = end_of(row);
      if (t < end && end < last) last = end;
    }
    return last;
  }
  int64_t last_change(int64_t t, int64_t first) const {
    for (int64_t row = 0; x.lengths && row < task.rows; ++row) {
      int64_t end = end_of(row);
      if (first < end && end < t) first = end;
    }
    return first;
  }

  // active(lo, hi) for each run of the piece's lanes in rows that step t is in, padding(lo, hi) for each of the others.
  template <class Active, class Padding> void runs(int64_t begin, int64_t t, Active active, Padding padding) const {
    int64_t end = smaller(begin + piece, lanes);
    if (!x.lengths) return active(begin, end);
    for (int64_t lo = begin; lo < end;) {
      bool on = t < end_of(lo / task.width);
      int64_t hi = lo;
      while (hi < end && (t < end_of(hi / task.width)) == on) hi += task.width;
      on ? active(lo, hi) : padding(lo, hi);
      lo = hi;
    }
  }

  // Whether a sequence is to be written past the caches: each pack has to begin with a cache line.
  bool streamable(const void* sequence) const {
    bool lines = ((uintptr_t)sequence + first * sizeof(T)) % LINE == 0 && pitch * sizeof(T) % LINE == 0;
    bool pieces = piece * sizeof(T) % LINE == 0 && (!x.lengths || task.width * sizeof(T) % LINE == 0);
    return sequence && lines && pieces && lanes >= FEW && x.steps * pitch * (int64_t)sizeof(T) >= LARGE;
  }

  template <class U> U* lane(U* sequence) const { return sequence ? sequence + first : nullptr; }
  Memo<T> memo() const {
    int64_t size = x.half ? 2 : sizeof(T);
    return {x.memo ? (char*)x.memo + first * size : nullptr, x.half != 0};
  }
};

// run(x, task) for each task; `most`: lanes of one. Where one returns true, because it held back from the next span of
// time what is not finite, all are run again in one span. clear() is called before.
template <class T, class Clear>
void over_tasks(const Leaky& x, int64_t most, Clear clear, bool (*run)(const Leaky&, const Task&)) {
  Plan plan(x.steps, x.rows, x.features, x.threads, most);
  if (x.spans > 1) {
    double slowest = largest(x.decay_mem, x.each_mem ? x.features : 1);
    if (x.decay_syn) slowest = largest(x.decay_syn, x.each_syn ? x.features : 1, slowest);
    plan.cut(x.spans, slowest, DIGITS<T>);
  }
  bool lost = false;
  auto all = [&] {
    clear();
    parallel(plan.count(), x.threads, [&](int64_t k) {
      if (run(x, plan.task(k))) __atomic_store_n(&lost, true, __ATOMIC_RELAXED);
    });
  };
  all();
  if (lost) plan.uncut(), all();
}
