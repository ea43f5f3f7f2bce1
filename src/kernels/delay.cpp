// A delay for each feature: y[t] = Σ_k filter[k]·x[t - k], its gradients, and x[t - shift].
//
// Steps of a sequence lie far apart in memory, at distances that fall on the same places of a cache. So some lanes of a
// tile of steps, and of the steps before, are first copied side by side. A long filter is applied in blocks of taps.
// Sums are taken in an order that depends on neither the threads nor the instruction set's vectors.
#include "parallel.h"
#include "plan.h"
#include "spikescan.h"

namespace {
constexpr int64_t TILE = 64, BLOCK = 32;                     // steps; taps
constexpr int64_t TOGETHER = 8;                              // independent sums: the latency of a product
template <class T> constexpr int64_t RUN = 256 / sizeof(T);  // lanes of a task, four cache lines
template <class T> constexpr int64_t ROWS = TILE + BLOCK;    // of a window

// Steps `first` to `first + count` of some lanes.
template <class T> struct Window {
  alignas(LINE) T at[ROWS<T> * RUN<T>] = {};
  int64_t first = 0, count = 0;

  // from(t): where step t lies, NULL where it is 0.
  template <class From> void move(int64_t begin, int64_t wanted, int64_t width, From from) {
    int64_t held = begin >= first ? larger(smaller(first + count - begin, wanted), 0) : 0;
    if (held && begin > first) memmove(at, at + (begin - first) * RUN<T>, (size_t)(held * RUN<T>)*sizeof(T));
    for (; held < wanted; ++held) {
      T* to = at + held * RUN<T>;
      const T* source = from(begin + held);
      if (source) memcpy(to, source, (size_t)width * sizeof(T));
      else memset(to, 0, (size_t)width * sizeof(T));
      if (const T* later = from(begin + held + TILE)) prefetch(later, width);
    }
    first = begin, count = wanted;
  }
};

// sums[j] += Σ_k filter[k]·rows[j + way·k]
template <class T>
void add_filtered(T* sums, const T* rows, int64_t way, const T* filter, int64_t pitch, int64_t taps, int64_t width) {
  using P = Pack<T, 1>;
  for (int64_t n = 0; n < width; n += P::lanes)
    for (int64_t j = 0; j < TILE; j += TOGETHER) {
      P sum[TOGETHER];
#pragma GCC unroll 8
      for (int64_t s = 0; s < TOGETHER; ++s) sum[s] = load<P>(sums + (j + s) * RUN<T> + n);
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

// Some lanes of one batch row.
template <class T> struct Row {
  const Delay& x;
  int64_t offset, width, pitch, end;
  Window<T>& window;
  T* sums;

  const T* input(int64_t t) const {
    if (t >= 0) return t < end ? (const T*)x.x + t * pitch + offset : nullptr;
    return x.history && t >= 1 - x.taps ? (const T*)x.history + (t + x.taps - 1) * pitch + offset : nullptr;
  }
  const T* gradient(int64_t t) const { return t >= 0 && t < end ? (const T*)x.grad + t * pitch + offset : nullptr; }
  int64_t block(int64_t k) const { return smaller(BLOCK, x.taps - k); }

  void write(T* out, int64_t t, int64_t steps, bool past_caches) const {
    for (int64_t j = 0; j < steps; ++j) {
      T *to = out + (t + j) * pitch + offset, *from = sums + j * RUN<T>;
      if (past_caches)
        for (int64_t n = 0; n < width; n += WIDTH<T>) stream(to + n, load<Pack<T, 1>>(from + n));
      else memcpy(to, from, (size_t)width * sizeof(T));
    }
  }

  // compute(t), which fills `sums`, for each tile of steps from `begin` to `stop`; written to `out`, zeros from `last`.
  template <class Compute>
  void over_tiles(T* out, int64_t begin, int64_t stop, int64_t last, bool past_caches, Compute compute) const {
    window.count = 0;
    for (int64_t t = begin; t < last; t += TILE) {
      memset(sums, 0, (size_t)(TILE * RUN<T>)*sizeof(T));
      compute(t);
      if (out) write(out, t, smaller(TILE, last - t), past_caches);
    }
    if (out)
      for (int64_t t = larger(last, begin); t < stop; ++t)
        memset(out + t * pitch + offset, 0, (size_t)width * sizeof(T));
  }

  void look_back(int64_t t, int64_t k) const {
    window.move(t - k - block(k) + 1, TILE + block(k) - 1, width, [this](int64_t at) { return input(at); });
  }

  void filter(int64_t first, bool past_caches) const {
    over_tiles((T*)x.out, 0, x.steps, end, past_caches, [&](int64_t t) {
      for (int64_t k = 0; k < x.taps; k += BLOCK) {
        look_back(t, k);
        const T* taps = (const T*)x.filter + k * x.features + first;
        add_filtered<T>(sums, window.at + (block(k) - 1) * RUN<T>, -1, taps, x.features, block(k), width);
      }
    });
  }

  void shift(int64_t first, bool past_caches) const {
    over_tiles((T*)x.out, 0, x.steps, end, past_caches, [&](int64_t t) {
      for (int64_t k = 0; k < x.taps; k += BLOCK) {
        look_back(t, k);
        for (int64_t n = 0; n < width; ++n) {
          const int64_t at = block(k) - 1 - (x.shift[first + n] - k);
          if (at < 0 || at >= block(k)) continue;
          const T* column = window.at + at * RUN<T> + n;
          for (int64_t j = 0; j < TILE; ++j) sums[j * RUN<T> + n] = column[j * RUN<T>];
        }
      }
    });
  }

  // ∂x[t] = Σ_k filter[k]·∂y[t + k], for steps from `begin` to `stop`.
  void adjoint(int64_t first, T* out, int64_t begin, int64_t stop, bool past_caches) const {
    over_tiles(out, begin, stop, smaller(stop, end), past_caches, [&](int64_t t) {
      for (int64_t k = 0; k < x.taps; k += BLOCK) {
        window.move(t + k, TILE + block(k) - 1, width, [this](int64_t at) { return gradient(at); });
        const T* taps = (const T*)x.filter + k * x.features + first;
        add_filtered<T>(sums, window.at, 1, taps, x.features, block(k), width);
      }
    });
  }

  // table[k] += Σ_t ∂y[t]·x[t - k]
  void products(T* table) const {
    over_tiles(nullptr, 0, x.steps, end, false, [&](int64_t t) {
      const int64_t steps = smaller(TILE, end - t);
      for (int64_t j = 0; j < steps; ++j) memcpy(sums + j * RUN<T>, gradient(t + j), (size_t)width * sizeof(T));
      for (int64_t k = 0; k < x.taps; k += BLOCK) {
        look_back(t, k);
        add_products<T>(table + k * x.features, x.features, sums, window.at, block(k), steps, width);
      }
    });
  }
};

// body(row, first lane of it, group), where the rows of a group and the lanes of a run are one task.
template <class T, class Body> void over_rows(const Delay& x, int64_t groups, Body body) {
  const int64_t runs = divide_up(x.features, RUN<T>), share = divide_up(x.rows, groups);
  const bool small = x.steps * x.rows * x.features < SMALL;
  parallel(groups * runs, small ? 1 : x.threads, [&](int64_t task) {
    Window<T> window;
    alignas(LINE) T sums[TILE * RUN<T>] = {};
    const int64_t group = task / runs, first = task % runs * RUN<T>;
    for (int64_t b = group * share; b < smaller((group + 1) * share, x.rows); ++b)
      body(Row<T>{x, b * x.features + first, smaller(RUN<T>, x.features - first), x.rows * x.features,
                  x.lengths ? x.lengths[b] : x.steps, window, sums},
           first, group);
    fence();
  });
}

template <class T> bool past_caches(const Delay& x, const void* out) {
  const int64_t bytes = x.features * (int64_t)sizeof(T);
  return x.steps * x.rows * bytes >= LARGE && ((intptr_t)out | bytes) % LINE == 0;
}

template <class T> void backward(const Delay& x) {
  const bool past = past_caches<T>(x, x.grad_x);
  const int64_t size = x.taps * x.features;
  if (x.grad_filter) memset(x.tables, 0, (size_t)(x.groups * size) * sizeof(T));
  over_rows<T>(x, x.groups, [&](const Row<T>& row, int64_t first, int64_t group) {
    T* history = (T*)x.grad_history + (x.taps - 1) * row.pitch;
    if (x.grad_history) row.adjoint(first, history, 1 - x.taps, 0, false);
    if (x.grad_x) row.adjoint(first, (T*)x.grad_x, 0, x.steps, past);
    if (x.grad_filter) row.products((T*)x.tables + group * size + first);
  });
  if (!x.grad_filter) return;
  T* total = (T*)x.grad_filter;
  memset(total, 0, (size_t)size * sizeof(T));
  for (int64_t group = 0; group < x.groups; ++group)
    for (int64_t n = 0; n < size; ++n) total[n] += ((const T*)x.tables)[group * size + n];
}
}  // namespace

OPERATION(delay, Delay) {
  const Delay& x = *operands;
  auto run = [&]<class T>(T) {
    const bool past = past_caches<T>(x, x.out);
    over_rows<T>(x, larger(x.rows, 1), [&](const Row<T>& row, int64_t first, int64_t) {
      x.shift ? row.shift(first, past) : row.filter(first, past);
    });
  };
  x.wide ? run(0.0) : run(0.0f);
  return 0;
}

OPERATION(delay_backward, Delay) {
  operands->wide ? backward<double>(*operands) : backward<float>(*operands);
  return 0;
}
