// How the lanes of a sequence, and where those are few its time, are shared out among threads.
#pragma once
#include <math.h>

#include "memory.h"

constexpr int64_t MOST_LANES =
    4096;  // of a task: a step is read in runs of 16 kB, and its state fits the second-level cache
constexpr int64_t PIECE =
    1024;  // lanes of a piece, at most: its decays, thresholds and draws fit the first-level cache
constexpr int64_t SMALL = 1 << 14;  // numbers below which a second thread costs more than it gains
constexpr int64_t LARGE = 1 << 20;  // bytes from which results are written past the caches
constexpr int64_t FEW = 16;         // lanes of a task below which they are not: they fill no cache line
constexpr int64_t MARK = 16;        // steps between two states that backward keeps to compute forward from again

inline int64_t divide_up(int64_t x, int64_t y) { return (x + y - 1) / y; }
inline int64_t round_up(int64_t x, int64_t y) { return divide_up(x, y) * y; }
inline int64_t smaller(int64_t x, int64_t y) { return x < y ? x : y; }
inline int64_t larger(int64_t x, int64_t y) { return x > y ? x : y; }

// Some whole rows, or a part of one, for a span of time. A span that does not begin with the sequence starts from rest,
// `warm` steps early: by then what came before has vanished.
struct Task {
  int64_t row, rows;     // of the batch
  int64_t first, width;  // features
  int64_t span, begin, end, warm;

  int64_t lanes() const { return rows * width; }
};

struct Plan {
  int64_t steps, rows, features;
  int64_t together, width;  // rows and features of a task
  int64_t spans = 1, span, warm = 0;

  Plan(int64_t steps, int64_t rows, int64_t features, int64_t threads, int64_t most = MOST_LANES)
      : steps(steps), rows(rows), features(features), span(steps) {
    if (steps * rows * features < SMALL) threads = 1;
    width = rows >= threads ? features : round_up(divide_up(features * rows, threads), LINE / 4);
    if (features > PIECE) width = smaller(width, PIECE);
    width = larger(smaller(width, features), 1);
    together = width < features ? 1 : larger(1, smaller(most / larger(features, 1), divide_up(rows, threads)));
  }

  // Cut time as well, into at most `most` spans; slowest: the largest decay; digits: how much of it is to vanish, as
  // the logarithm.
  void cut(int64_t most, double slowest, double digits) {
    warm = slowest <= 0 ? 1 : slowest < 1 ? (int64_t)ceil(digits / -::log(slowest)) + 1 : steps;
    span = larger(round_up(divide_up(steps, most), MARK), MARK);
    spans = warm < span ? divide_up(steps, span) : 1;
    if (spans == 1) uncut();
  }

  void uncut() { spans = 1, span = steps, warm = 0; }

  int64_t ranges() const { return divide_up(rows, together) * divide_up(features, width); }
  int64_t count() const { return ranges() * spans; }

  Task task(int64_t number) const {
    int64_t parts = divide_up(features, width), range = number % ranges(), at = number / ranges();
    int64_t row = range / parts * together, first = range % parts * width;
    return {row,       smaller(together, rows - row),   first, smaller(width, features - first), at,
            at * span, smaller((at + 1) * span, steps), warm};
  }
};

// Half of the smallest number, as a logarithm, and half as much again for two equal leaks in a row.
template <class T> constexpr double DIGITS = 1.5 * (sizeof(T) == 4 ? 104 : 746);

template <class T> double largest(const T* values, int64_t count, double so_far = 0) {
  for (int64_t n = 0; n < count; ++n) so_far = values[n] > so_far ? values[n] : so_far;
  return so_far;
}

template <class T> bool finite(const T* values, int64_t count) {
  T total = 0;
  for (int64_t n = 0; n < count; ++n) total += values[n] - values[n];  // 0, or NaN
  return total == 0;
}
