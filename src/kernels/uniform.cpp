// The draws themselves, as spikescan.random.uniform gives them.
#include "draws.h"
#include "parallel.h"
#include "plan.h"
#include "spikescan.h"

OPERATION(uniform, Uniform) {
  const Uniform& x = *operands;
  const int64_t parts = divide_up(x.features, PIECE), count = x.steps * x.rows * parts;
  const int64_t share = larger(divide_up(count, larger(x.threads, 1)), SMALL / PIECE);
  parallel(divide_up(count, share), x.threads, [&](int64_t task) {
    alignas(LINE) float draws[PIECE + 4 * COUNTERS];
    Counters counters;
    int64_t filled = -1;
    for (int64_t k = task * share; k < smaller((task + 1) * share, count); ++k) {
      const int64_t part = k / (x.steps * x.rows), at = k % (x.steps * x.rows), feature = part * PIECE;
      const int64_t width = smaller(PIECE, x.features - feature);
      if (part != filled) counters.fill(feature, width, 1, 1), filled = part;
      counters.draw(draws, (uint64_t)*x.seed, (uint64_t)(at % x.rows), (uint64_t)(*x.step + at / x.rows));
      memcpy(x.out + at * x.features + feature, draws, (size_t)width * sizeof(float));
    }
  });
  return 0;
}
