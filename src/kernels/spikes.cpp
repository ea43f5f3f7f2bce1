// Products with 0 and 1. Four inputs have 16 combinations: the 16 sums of their weights are a table, and what four
// inputs add to an output is looked up in it, for many rows at once.
//
// The weight's gradient is the same with rows and inputs in each other's place: four rows have 16 combinations, the 16
// sums of their gradients are a table, and it is looked up for many inputs at once.
#include "parallel.h"
#include "spikescan.h"
#include "tables.h"

static INLINE uint32_t flags(Mask<float, 1> mask) {
#if defined(__AVX512F__)
  return _mm512_movepi32_mask((__m512i)mask.v);
#elif defined(__AVX2__)
  return (uint32_t)_mm256_movemask_ps((__m256)mask.v);
#elif defined(__SSE2__)
  return (uint32_t)_mm_movemask_ps((__m128)mask.v);
#else
  uint32_t out = 0;
  for (int n = 0; n < WIDTH<float>; ++n) out |= (uint32_t)(mask.v[n] & 1) << n;
  return out;
#endif
}

// 1 in lane n where bit n is set.
static INLINE Pack<uint32_t, 1> ones(uint32_t word) {
  Pack<uint32_t, 1> x;
#if defined(__AVX512F__)
  x.v = (Vector<uint32_t>)_mm512_maskz_set1_epi32((__mmask16)word, 1);
#else
  for (int n = 0; n < WIDTH<uint32_t>; ++n) x.v[n] = word >> n & 1;
#endif
  return x;
}

// Bits of `rows` rows from `first` on; whether any input is neither 0 nor 1.
static bool pack(const Spikes& x, int64_t first, int64_t rows) {
  uint32_t odd = 0;
  for (int64_t r = first; r < first + rows; ++r) {
    const float* row = x.spikes + r * x.inputs;
    for (int64_t begin = 0; begin < x.inputs; begin += WORD) {
      uint32_t word = 0;
      for (int64_t k = begin; k < smaller(begin + WORD, x.inputs); k += One::lanes) {
        const Vector<float> value = load<One>(row + k, x.inputs - k).v, zero{};
        const uint32_t some = flags({value != zero});
        odd |= some ^ flags({value == zero + 1});
        word |= some << (k - begin);
      }
      x.bits[begin / WORD * x.rows + r] = word;
    }
  }
  return odd;
}

// index[g, r] = the inputs 4 g to 4 g + 3 of row first + r as the lowest four bits.
static void index_inputs(const Spikes& x, int64_t first, int64_t rows, uint32_t* index) {
  using P = Pack<uint32_t, 1>;
  for (int64_t g = 0; g < divide_up(x.inputs, GROUP); ++g) {
    const uint32_t* words = x.bits + g * GROUP / WORD * x.rows + first;
    for (int64_t r = 0; r < rows; r += P::lanes)
      store(index + g * ROWS + r, load<P>(words + r, rows - r) >> (int)(g * GROUP % WORD));
  }
}

// index[g, k] = input k of the rows first + 4 g to first + 4 g + 3 as the lowest four bits; missing rows have none.
static void index_rows(const Spikes& x, int64_t first, uint32_t* index, int64_t pitch) {
  for (int64_t g = 0; g < ROWS / GROUP; ++g)
    for (int64_t w = 0; w < divide_up(x.inputs, WORD); ++w) {
      uint32_t words[GROUP];
      for (int64_t k = 0; k < GROUP; ++k) {
        const int64_t row = first + g * GROUP + k;
        words[k] = row < x.rows ? x.bits[w * x.rows + row] : 0;
      }
      for (int64_t n = 0; n < WORD; n += One::lanes)
        store(index + g * pitch + w * WORD + n,
              ones(words[0] >> n) | ones(words[1] >> n) << 1 | ones(words[2] >> n) << 2 | ones(words[3] >> n) << 3);
    }
}

// ROWS rows of the product; meanwhile those behind them are fetched.
static void multiply(const Spikes& x, int64_t first, int64_t rows, const uint32_t* index, bool past_caches) {
  using Line = Pack<float, ENTRIES / WIDTH<float>>;
  alignas(LINE) float sums[ROWS * ENTRIES];  // of ENTRIES columns
  const int64_t groups = divide_up(x.inputs, GROUP), blocks = divide_up(x.outputs, COLUMNS);
  const float* coming = x.spikes + (first + rows) * x.inputs;
  const int64_t more = smaller(ROWS, x.rows - first - rows) * x.inputs, share = divide_up(more, blocks);
  for (int64_t block = 0; block < blocks; ++block) {
    prefetch(coming + block * share, smaller(share, more - block * share));
    const int64_t begin = block * COLUMNS / ENTRIES * ENTRIES, end = smaller(begin + ENTRIES, x.outputs);
    for (int64_t r = 0; r < rows; r += Sums::lanes) {
      Columns columns;
      columns.add(groups, x.tables + block * groups * TABLES, index + r, ROWS);
      spread(sums + r * ENTRIES + block * COLUMNS - begin, columns.a, columns.b, columns.c, columns.d);
    }
    if ((block + 1) * COLUMNS < end) continue;
    for (int64_t r = 0; r < rows; ++r) {
      float* out = x.out + (first + r) * x.outputs + begin;
      if (past_caches) stream(out, load<Line>(sums + r * ENTRIES));
      else
        for (int64_t n = 0; n < end - begin; n += One::lanes)
          store(out + n, load<One>(sums + r * ENTRIES + n), end - begin - n);
    }
  }
}

// Rows are shared out in `shares` parts.
template <class Body> static void over_tiles(const Spikes& x, int64_t part, Body body) {
  const int64_t share = divide_up(divide_up(x.rows, ROWS), x.shares) * ROWS;
  for (int64_t first = part * share; first < smaller((part + 1) * share, x.rows); first += ROWS)
    body(first, smaller(ROWS, x.rows - first));
}

// Returns whether `out` and `bits` are worth nothing, because not all inputs are 0 or 1.
OPERATION(spike_product, Spikes) {
  const Spikes& x = *operands;
  const int64_t groups = divide_up(x.inputs, GROUP), bytes = x.outputs * (int64_t)sizeof(float);
  const bool past_caches = x.rows * bytes >= LARGE && ((intptr_t)x.out | bytes) % LINE == 0;
  parallel(divide_up(x.outputs, COLUMNS), x.threads, [&](int64_t block) {
    const int64_t column = block * COLUMNS;
    for (int64_t g = 0; g < groups; ++g) {
      float* tables = x.tables + (block * groups + g) * TABLES;
      const float* weight = x.weight + column * x.inputs + g * GROUP;
      tabulate(tables, weight, 1, x.inputs, x.inputs - g * GROUP, x.outputs - column);
      if (g > 0 || !x.bias) continue;
      for (int64_t c = 0; c < smaller(COLUMNS, x.outputs - column); ++c)
        for (int64_t n = 0; n < ENTRIES; ++n) tables[c * ENTRIES + n] += x.bias[column + c];
    }
  });
  bool odd = false;
  parallel(x.shares, x.threads, [&](int64_t part) {
    uint32_t* index = x.index + part * groups * ROWS;
    over_tiles(x, part, [&](int64_t first, int64_t rows) {
      if (pack(x, first, rows)) __atomic_store_n(&odd, true, __ATOMIC_RELAXED);
      index_inputs(x, first, rows, index);
      multiply(x, first, rows, index, past_caches);
    });
    fence();
  });
  return odd;
}

// The gradients of weight and bias, of each part of the rows.
OPERATION(spike_gradient, Spikes) {
  const Spikes& x = *operands;
  const int64_t pitch = round_up(x.inputs, 64), columns = round_up(x.outputs, COLUMNS);
  parallel(x.shares, x.threads, [&](int64_t part) {
    float *sums = x.sums + part * columns * pitch, *totals = x.totals + part * columns;
    uint32_t* index = x.index + part * (ROWS / GROUP) * pitch;
    memset(sums, 0, (size_t)(columns * pitch) * sizeof(float));
    memset(totals, 0, (size_t)columns * sizeof(float));
    over_tiles(x, part, [&](int64_t first, int64_t rows) {
      alignas(LINE) float tables[ROWS / GROUP * TABLES];
      const int64_t groups = divide_up(rows, GROUP);
      index_rows(x, first, index, pitch);
      for (int64_t column = 0; column < x.outputs; column += COLUMNS) {
        float total[COLUMNS] = {};
        for (int64_t g = 0; g < groups; ++g) {
          const int64_t row = first + g * GROUP;
          tabulate(tables + g * TABLES, x.grad + row * x.outputs + column, x.outputs, 1, x.rows - row,
                   x.outputs - column);
          for (int64_t c = 0; c < COLUMNS; ++c) total[c] += tables[g * TABLES + c * ENTRIES + ENTRIES - 1];
        }
        for (int64_t c = 0; c < COLUMNS; ++c) totals[column + c] += total[c];
        for (int64_t k = 0; k < pitch; k += Sums::lanes) {
          Columns found;
          found.add(groups, tables, index + k, pitch);
          float* to = sums + column * pitch + k;
          store(to, load<Sums>(to) + found.a);
          store(to + pitch, load<Sums>(to + pitch) + found.b);
          store(to + 2 * pitch, load<Sums>(to + 2 * pitch) + found.c);
          store(to + 3 * pitch, load<Sums>(to + 3 * pitch) + found.d);
        }
      }
    });
  });
  return 0;
}
