// A delay for each feature: y[t] = Σ_k filter[k]·x[t - k], its gradients, and x[t - shift].
//
// Steps of a sequence lie far apart in memory, at distances that fall on the same places of a cache. So some lanes of a
// tile of steps, and of the steps before, are first copied side by side. A long filter is applied in blocks of taps.
// Sums are taken in an order that depends on neither the threads nor the instruction set's vectors.
#include "delay.h"

#include "parallel.h"
#include "spikescan.h"

namespace {
// The lanes of a task, in runs; each has a window of its own, so that neighbours in memory are gone through together.
template <class T> struct Runs {
  const Delay& x;
  int64_t pitch;                  // from step to step
  int64_t row, rows, first, end;  // of the batch, and features
  Window<T> windows[RUNS];
  alignas(LINE) T sums[TILE * RUN<T>];

  // One of them.
  struct Lanes {
    const Delay& x;
    int64_t pitch, offset, next, first, width, end;
    Window<T>& window;
    T* sums;

    const T* input(int64_t t) const {
      if (t >= 0) return t < end ? (const T*)x.x + t * pitch + offset : nullptr;
      return x.history && t >= 1 - x.taps ? (const T*)x.history + (t + x.taps - 1) * pitch + offset : nullptr;
    }
    const T* gradient(int64_t t) const { return t >= 0 && t < end ? (const T*)x.grad + t * pitch + offset : nullptr; }
    const T* filter(int64_t k) const { return (const T*)x.filter + k * x.features + first; }
    int64_t block(int64_t k) const { return smaller(BLOCK, x.taps - k); }

    void look_back(int64_t t, int64_t k) const {
      window.move(t - k - block(k) + 1, TILE + block(k) - 1, width, next, [this](int64_t at) { return input(at); });
    }
    void look_ahead(int64_t t, int64_t k) const {
      window.move(t + k, TILE + block(k) - 1, width, next, [this](int64_t at) { return gradient(at); });
    }

    // Steps `t` to `stop` of `sums`; those from `end` on are 0.
    void write(T* out, int64_t t, int64_t stop, bool past_caches) const {
      for (int64_t j = 0; t + j < stop; ++j) {
        T* to = out + (t + j) * pitch + offset;
        const T* from = t + j < end ? sums + j * RUN<T> : nullptr;
        if (past_caches && from)
          for (int64_t n = 0; n < width; n += WIDTH<T>) stream(to + n, load<Pack<T, 1>>(from + n));
        else copy(to, from, width, width);
      }
    }
  };

  // body(lanes, t, end of the tile) for tiles of the steps from `begin` to `stop`.
  template <class Body> void over_tiles(int64_t begin, int64_t stop, Body body) {
    for (Window<T>& window : windows) window.count = 0;
    for (int64_t t = begin; t < stop; t += TILE) {
      Window<T>* window = windows;
      for (int64_t b = row; b < row + rows; ++b)
        for (int64_t n = first; n < end; n += RUN<T>) {
          const int64_t steps = x.lengths ? x.lengths[b] : x.steps;
          const int64_t offset = b * x.features + n, width = smaller(RUN<T>, end - n);
          const bool last = b == row + rows - 1 && n + RUN<T> >= end;
          const int64_t next = !last ? n + RUN<T> < end ? RUN<T> : x.features + first - n
                                     : TILE * pitch + row * x.features + first - offset;
          body(Lanes{x, pitch, offset, next, n, width, steps, *window++, sums}, t, smaller(t + TILE, stop));
        }
    }
  }

  void filter(bool past_caches) {
    over_tiles(0, x.steps, [&](const Lanes& lanes, int64_t t, int64_t stop) {
      for (int64_t k = 0, count; k < x.taps && t < lanes.end; k += count) {
        count = lanes.block(k);
        lanes.look_back(t, k);
        const T* rows = lanes.window.at + (count - 1) * RUN<T>;
        add_filtered<T>(sums, k > 0, rows, -1, lanes.filter(k), x.features, count, lanes.width);
      }
      lanes.write((T*)x.out, t, stop, past_caches);
    });
  }

  void shift(bool past_caches) {
    over_tiles(0, x.steps, [&](const Lanes& lanes, int64_t t, int64_t stop) {
      for (int64_t k = 0, count; k < x.taps && t < lanes.end; k += count) {
        count = lanes.block(k);
        lanes.look_back(t, k);
        add_shifted<T>(sums, lanes.window.at + (count - 1) * RUN<T>, x.shift + lanes.first, k, count, lanes.width);
      }
      lanes.write((T*)x.out, t, stop, past_caches);
    });
  }

  // ∂x[t] = Σ_k filter[k]·∂y[t + k] of the steps from `begin` to `stop`; step 0 is at `out`.
  void adjoint(T* out, int64_t begin, int64_t stop, bool past_caches) {
    over_tiles(begin, stop, [&](const Lanes& lanes, int64_t t, int64_t stop) {
      for (int64_t k = 0, count; k < x.taps && t < lanes.end; k += count) {
        count = lanes.block(k);
        lanes.look_ahead(t, k);
        add_filtered<T>(sums, k > 0, lanes.window.at, 1, lanes.filter(k), x.features, count, lanes.width);
      }
      lanes.write(out, t, stop, past_caches);
    });
  }

  // table[k] += Σ_t ∂y[t]·x[t - k]
  void products(T* table) {
    over_tiles(0, x.steps, [&](const Lanes& lanes, int64_t t, int64_t stop) {
      const int64_t steps = smaller(stop, lanes.end) - t;
      for (int64_t j = 0; j < steps; ++j) {
        const T* source = lanes.gradient(t + j);
        copy(sums + j * RUN<T>, source, lanes.width, RUN<T>);
        prefetch(source + lanes.next, RUN<T>);
      }
      for (int64_t k = 0, count; k < x.taps && steps > 0; k += count) {
        count = lanes.block(k);
        lanes.look_back(t, k);
        T* total = table + k * x.features + lanes.first;
        add_products<T>(total, x.features, sums, lanes.window.at, count, steps, lanes.width);
      }
    });
  }
};

// body(runs, group), where the batch rows of a group and some of its features are one task.
template <class T, class Body> void over_runs(const Delay& x, Body body) {
  const int64_t all = divide_up(x.features, RUN<T>), share = divide_up(x.rows, x.groups);
  const int64_t across = larger(smaller(RUNS, x.rows * all / x.groups), 1), parts = divide_up(all, across);
  const int64_t rows = larger(RUNS / smaller(across, larger(all, 1)), 1);
  const bool small = x.steps * x.rows * x.features < SMALL;
  parallel(x.groups * parts, small ? 1 : x.threads, [&](int64_t task) {
    const int64_t group = task / parts, first = task % parts * across * RUN<T>, last = (group + 1) * share;
    for (int64_t b = group * share; b < smaller(last, x.rows); b += rows) {
      Runs<T> runs{x,     x.rows * x.features,
                   b,     smaller(rows, smaller(last, x.rows) - b),
                   first, smaller(first + across * RUN<T>, x.features),
                   {},    {}};
      body(runs, group);
    }
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
  over_runs<T>(x, [&](Runs<T>& runs, int64_t group) {
    if (x.grad_history) runs.adjoint((T*)x.grad_history + (x.taps - 1) * runs.pitch, 1 - x.taps, 0, false);
    if (x.grad_x) runs.adjoint((T*)x.grad_x, 0, x.steps, past);
    if (x.grad_filter) runs.products((T*)x.tables + group * size);
  });
  if (!x.grad_filter) return;
  T* total = (T*)x.grad_filter;
  memset(total, 0, (size_t)size * sizeof(T));
  for (int64_t group = 0; group < x.groups; ++group)
    for (int64_t n = 0; n < size; ++n) total[n] += ((const T*)x.tables)[group * size + n];
}

template <class T> void delay(const Delay& x) {
  const bool past = past_caches<T>(x, x.out);
  over_runs<T>(x, [&](Runs<T>& runs, int64_t) { x.shift ? runs.shift(past) : runs.filter(past); });
}
}  // namespace

OPERATION(delay, Delay) {
  operands->wide ? delay<double>(*operands) : delay<float>(*operands);
  return 0;
}

OPERATION(delay_backward, Delay) {
  operands->wide ? backward<double>(*operands) : backward<float>(*operands);
  return 0;
}
