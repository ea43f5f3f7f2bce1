// A linear layer of events: rows of its weight are summed where events are, and the dense tensor never exists.
//
// A bin is one step of one batch row. The output is the sum of weight rows over the events of each bin, in the order in
// which they came; the weight's gradient is the sum of gradient rows over those of each channel.
#include "parallel.h"
#include "plan.h"
#include "spikescan.h"

constexpr int64_t AHEAD = 16;  // events that a row of the gradient is fetched before it is needed

// body(pack, first, count) for every run of features: packs of eight vectors, then single ones and a part of one.
template <class T, class Body> INLINE void over_features(int64_t features, Body body) {
  using Eight = Pack<T, 8>;
  using One = Pack<T, 1>;
  int64_t n = 0;
  for (; n + Eight::lanes <= features; n += Eight::lanes) body(Eight{}, n, (int64_t)Eight::lanes);
  for (; n < features; n += One::lanes) body(One{}, n, smaller(One::lanes, features - n));
}

namespace {
// A task is one batch row, or a span of time of one.
template <class T> struct Gather {
  const Events& x;
  int64_t span;
  bool past_caches;

  explicit Gather(const Events& x) : x(x), span(larger(divide_up(x.steps, x.spans), 1)) {
    const int64_t bytes = x.features * (int64_t)sizeof(T);
    past_caches = x.steps * x.rows * bytes >= LARGE && ((intptr_t)x.out | bytes) % LINE == 0;
  }

  int64_t tasks() const { return x.rows * x.spans; }
  int64_t bin(int64_t e) const { return x.row[e] * x.steps + x.step[e]; }
  int64_t task(int64_t e) const { return x.spans == 1 ? x.row[e] : x.row[e] * x.spans + x.step[e] / span; }
  int64_t first_bin(int64_t task) const { return task / x.spans * x.steps + smaller(task % x.spans * span, x.steps); }

  bool in_order() const {
    bool order = true;
    if (x.spans == 1)
      for (int64_t e = 1; e < x.events; ++e) order &= x.row[e] >= x.row[e - 1];
    else
      for (int64_t e = 1; e < x.events; ++e) order &= task(e) >= task(e - 1);
    return order;
  }

  int64_t first_event(int64_t wanted) const {
    int64_t low = 0, high = x.events;
    while (low < high) {
      const int64_t middle = (low + high) / 2;
      task(middle) < wanted ? low = middle + 1 : high = middle;
    }
    return low;
  }

  // Channels and values of the events first to last, all those of these bins, by bin; `ends` is where in them each
  // ends.
  void sort(int64_t first, int64_t last, int64_t from, int64_t to) const {
    for (int64_t b = from; b < to; ++b) x.ends[b] = 0;
    for (int64_t e = first; e < last; ++e) ++x.ends[bin(e)];
    for (int64_t b = from, end = first; b < to; ++b) {
      const int64_t count = x.ends[b];
      x.ends[b] = end;
      end += count;
    }
    for (int64_t e = first; e < last; ++e) {
      const int64_t place = x.ends[bin(e)]++;
      x.sorted_channel[place] = x.channel[e];
      if (x.value) ((T*)x.sorted_value)[place] = ((const T*)x.value)[e];
    }
  }

  void gather(int64_t begin, int64_t from, int64_t to) const {
    const int64_t row = from / larger(x.steps, 1);
    for (int64_t b = from; b < to; begin = x.ends[b++]) {
      T* out = (T*)x.out + ((b - row * x.steps) * x.rows + row) * x.features;
      over_features<T>(x.features, [&](auto total, int64_t n, int64_t count) {
        using P = decltype(total);
        if (x.bias) total = load<P>((const T*)x.bias + n, count);
        for (int64_t e = begin; e < x.ends[b]; ++e) {
          P row = load<P>((const T*)x.weight + x.sorted_channel[e] * x.features + n, count);
          total = x.value ? fma(row, ((const T*)x.sorted_value)[e], total) : total + row;
        }
        past_caches ? stream(out + n, total) : store(out + n, total, count);
      });
    }
    fence();
  }

  void run() const {
    const bool order = in_order();
    if (!order) sort(0, x.events, 0, x.rows * x.steps);
    parallel(tasks(), x.threads, [&](int64_t k) {
      const int64_t from = first_bin(k), to = first_bin(k + 1);
      const int64_t begin = order ? first_event(k) : from ? x.ends[from - 1] : 0;
      if (order) sort(begin, first_event(k + 1), from, to);
      gather(begin, from, to);
    });
  }
};

// Part `part` of the events, summed in a table of its own.
template <class T> void scatter(const Events& x, int64_t part) {
  T* table = (T*)x.tables + part * x.channels * x.features;
  memset(table, 0, (size_t)(x.channels * x.features) * sizeof(T));
  const int64_t share = divide_up(x.events, x.threads), end = smaller((part + 1) * share, x.events);
  auto grad = [&](int64_t e) { return (const T*)x.grad + (x.step[e] * x.rows + x.row[e]) * x.features; };
  for (int64_t e = part * share; e < end; ++e) {
    if (e + AHEAD < end) prefetch(grad(e + AHEAD), x.features);
    T* sums = table + x.channel[e] * x.features;
    over_features<T>(x.features, [&](auto sum, int64_t n, int64_t count) {
      using P = decltype(sum);
      P row = load<P>(grad(e) + n, count);
      sum = load<P>(sums + n, count);
      store(sums + n, x.value ? fma(row, ((const T*)x.value)[e], sum) : sum + row, count);
    });
  }
}
}  // namespace

OPERATION(gather, Events) {
  operands->wide ? Gather<double>(*operands).run() : Gather<float>(*operands).run();
  return 0;
}

OPERATION(scatter, Events) {
  const Events& x = *operands;
  parallel(x.threads, x.threads, [&](int64_t part) { x.wide ? scatter<double>(x, part) : scatter<float>(x, part); });
  return 0;
}
