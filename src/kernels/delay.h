// The loops of delay.cpp over a tile of steps: some lanes of it side by side in the first-level cache.
#pragma once
#include "plan.h"

namespace {
constexpr int64_t TILE = 64, BLOCK = 32;                     // steps; taps
constexpr int64_t RUNS = 8;                                  // of a task at once
constexpr int64_t TOGETHER = 8;                              // independent sums: the latency of a product
template <class T> constexpr int64_t RUN = 256 / sizeof(T);  // lanes of a task, four cache lines
template <class T> constexpr int64_t ROWS = TILE + BLOCK;    // of a window

// A row of some lanes, of whole vectors where it lies in a window; a call of memcpy takes longer.
template <class T> INLINE void copy(T* to, const T* from, int64_t width, int64_t stored) {
  using P = Pack<T, 1>;
  for (int64_t n = 0; n < width; n += P::lanes) store(to + n, from ? load<P>(from + n, width - n) : P{}, stored - n);
}

// Steps `first` to `first + count` of some lanes.
template <class T> struct Window {
  alignas(LINE) T at[ROWS<T> * RUN<T>] = {};
  int64_t first = 0, count = 0;

  // from(t): where step t lies, NULL where it is 0; next: how far from there the run that follows in time is.
  template <class From> void move(int64_t begin, int64_t wanted, int64_t width, int64_t next, From from) {
    int64_t held = begin >= first ? larger(smaller(first + count - begin, wanted), 0) : 0;
    if (held && begin > first) memmove(at, at + (begin - first) * RUN<T>, (size_t)(held * RUN<T>)*sizeof(T));
    for (; held < wanted; ++held) {
      const T* source = from(begin + held);
      copy(at + held * RUN<T>, source, width, RUN<T>);
      if (source) prefetch(source + next, RUN<T>);
    }
    first = begin, count = wanted;
  }
};

// sums[j] = Σ_k filter[k]·rows[j + way·k], added to what is there where there are `sums` of an earlier block.
template <class T>
void add_filtered(T* sums, bool more, const T* rows, int64_t way, const T* filter, int64_t pitch, int64_t taps,
                  int64_t width) {
  using P = Pack<T, 1>;
  for (int64_t n = 0; n < width; n += P::lanes)
    for (int64_t j = 0; j < TILE; j += TOGETHER) {
      P sum[TOGETHER];
#pragma GCC unroll 8
      for (int64_t s = 0; s < TOGETHER; ++s) sum[s] = more ? load<P>(sums + (j + s) * RUN<T> + n) : P{};
      for (int64_t k = 0; k < taps; ++k) {
        const P tap = load<P>(filter + k * pitch + n, width - n);
        const T* row = rows + (j + way * k) * RUN<T> + n;
#pragma GCC unroll 8
        for (int64_t s = 0; s < TOGETHER; ++s) sum[s] = fma(tap, load<P>(row + s * RUN<T>), sum[s]);
      }
#pragma GCC unroll 8
      for (int64_t s = 0; s < TOGETHER; ++s) store(sums + (j + s) * RUN<T> + n, sum[s]);
    }
}

// sums[j] = rows[j - k] in lanes whose shift is first + k, k = 0 to taps - 1; 0 in others, or what an earlier block
// left.
template <class T>
void add_shifted(T* sums, const T* rows, const int64_t* shift, int64_t first, int64_t taps, int64_t width) {
  using P = Pack<T, 1>;
  for (int64_t n = 0; n < width; n += P::lanes) {
    alignas(LINE) T place[P::lanes];
    bool some[BLOCK] = {};
    for (int64_t i = 0; i < P::lanes; ++i) {
      const int64_t k = n + i < width ? shift[n + i] - first : -1;
      const bool here = k >= 0 && k < taps;
      place[i] = here ? (T)k : T(-1);
      if (here) some[k] = true;
    }
    int64_t found = 0, which[BLOCK];
    for (int64_t k = 0; k < taps; ++k)
      if (some[k]) which[found++] = k;
    for (int64_t j = 0; j < TILE && (found || !first); j += TOGETHER) {
      P sum[TOGETHER];
#pragma GCC unroll 8
      for (int64_t s = 0; s < TOGETHER; ++s) sum[s] = first ? load<P>(sums + (j + s) * RUN<T> + n) : P{};
      for (int64_t i = 0; i < found; ++i) {
        const Mask<T, 1> here{load<P>(place).v == all<P>((T)which[i]).v};
        const T* row = rows + (j - which[i]) * RUN<T> + n;
#pragma GCC unroll 8
        for (int64_t s = 0; s < TOGETHER; ++s) sum[s] = select(here, load<P>(row + s * RUN<T>), sum[s]);
      }
#pragma GCC unroll 8
      for (int64_t s = 0; s < TOGETHER; ++s) store(sums + (j + s) * RUN<T> + n, sum[s]);
    }
  }
}

// table[k] += Σ_j grad[j]·rows[j + taps - 1 - k]
template <class T>
void add_products(T* table, int64_t pitch, const T* grad, const T* rows, int64_t taps, int64_t steps, int64_t width) {
  using P = Pack<T, 1>;
  for (int64_t n = 0; n < width; n += P::lanes)
    for (int64_t i = 0; i < taps; i += TOGETHER) {
      P sum[TOGETHER] = {};
      for (int64_t j = 0; j < steps; ++j) {
        const P g = load<P>(grad + j * RUN<T> + n);
        const T* row = rows + (j + i) * RUN<T> + n;
#pragma GCC unroll 8
        for (int64_t s = 0; s < TOGETHER; ++s) sum[s] = fma(g, load<P>(row + s * RUN<T>), sum[s]);
      }
#pragma GCC unroll 8
      for (int64_t s = 0; s < TOGETHER; ++s) {
        if (i + s >= taps) break;
        T* total = table + (taps - 1 - i - s) * pitch + n;
        store(total, load<P>(total, width - n) + sum[s], width - n);
      }
    }
}
}  // namespace
