// Products with 0 and 1. Four inputs have 16 combinations: the 16 sums of their weights are a table, and what four
// inputs add to an output is looked up in it, for many rows at once.
//
// The weight's gradient is the same with rows and inputs in each other's place: four rows have 16 combinations, the 16
// sums of their gradients are a table, and it is looked up for many inputs at once.
#include "parallel.h"
#include "plan.h"
#include "spikescan.h"

constexpr int64_t GROUP = 4, ENTRIES = 16, COLUMNS = 4;
constexpr int64_t TABLES = COLUMNS * ENTRIES;  // numbers of the tables of a group
constexpr int64_t ROWS = 128;  // done together; with 128 inputs, their indices take a third of the first-level cache
constexpr int64_t WORD = 32;   // bits

#if defined(__AVX512F__)
constexpr int VECTORS = 4;  // looked up side by side: with the sums of COLUMNS columns they fill the registers
#else
constexpr int VECTORS = ENTRIES / WIDTH<float>;
#endif
using Sums = Pack<float, VECTORS>;
using Indices = Pack<uint32_t, VECTORS>;
using One = Pack<float, 1>;

// table[index mod 16], lane by lane.
template <int K> INLINE Pack<float, K> look_up(const float* table, Pack<uint32_t, K> index) {
  if constexpr (K > 1) {
    return {look_up(table, index.lo), look_up(table, index.hi)};
  } else {
#if defined(__AVX512F__)
    return {(Vector<float>)_mm512_permutexvar_ps((__m512i)index.v, _mm512_loadu_ps(table))};
#elif defined(__AVX2__)
    const __m256i place = (__m256i)index.v;
    const __m256 low = _mm256_permutevar8x32_ps(_mm256_loadu_ps(table), place);
    const __m256 high = _mm256_permutevar8x32_ps(_mm256_loadu_ps(table + 8), place);
    return {(Vector<float>)_mm256_blendv_ps(low, high, _mm256_castsi256_ps(_mm256_slli_epi32(place, 28)))};
#else
    One x;
    for (int n = 0; n < WIDTH<float>; ++n) x.v[n] = table[index.v[n] % ENTRIES];
    return x;
#endif
  }
}

// COLUMNS columns of sums, one lane a row or an input.
struct Columns {
  Sums a{}, b{}, c{}, d{};

  // Those of all groups; index (groups, pitch), of which the first lanes are taken.
  INLINE void add(int64_t groups, const float* tables, const uint32_t* index, int64_t pitch) {
    for (; groups > 0; --groups, tables += TABLES, index += pitch) {
      const Indices chosen = load<Indices>(index);
      a = a + look_up(tables, chosen);
      b = b + look_up(tables + ENTRIES, chosen);
      c = c + look_up(tables + 2 * ENTRIES, chosen);
      d = d + look_up(tables + 3 * ENTRIES, chosen);
    }
  }
};

#if defined(__AVX512F__)
// Number j of each quarter of vector i becomes number i of each quarter of vector j.
static INLINE void turn(__m512& a, __m512& b, __m512& c, __m512& d) {
  const __m512d p = (__m512d)_mm512_unpacklo_ps(a, b), q = (__m512d)_mm512_unpackhi_ps(a, b);
  const __m512d r = (__m512d)_mm512_unpacklo_ps(c, d), s = (__m512d)_mm512_unpackhi_ps(c, d);
  a = (__m512)_mm512_unpacklo_pd(p, r), b = (__m512)_mm512_unpackhi_pd(p, r);
  c = (__m512)_mm512_unpacklo_pd(q, s), d = (__m512)_mm512_unpackhi_pd(q, s);
}
#endif

// out[n, 0 to 3] = lane n of the four columns; rows of `out` are ENTRIES numbers.
template <int K>
static INLINE void spread(float* out, Pack<float, K> a, Pack<float, K> b, Pack<float, K> c, Pack<float, K> d) {
  if constexpr (K > 1) {
    spread(out, a.lo, b.lo, c.lo, d.lo);
    spread(out + Pack<float, K>::lanes / 2 * ENTRIES, a.hi, b.hi, c.hi, d.hi);
  } else {
#if defined(__AVX512F__)
    __m512 rows[] = {(__m512)a.v, (__m512)b.v, (__m512)c.v, (__m512)d.v};
    turn(rows[0], rows[1], rows[2], rows[3]);
    for (int k = 0; k < 4; ++k) {
      _mm_storeu_ps(out + k * ENTRIES, _mm512_extractf32x4_ps(rows[k], 0));
      _mm_storeu_ps(out + (k + 4) * ENTRIES, _mm512_extractf32x4_ps(rows[k], 1));
      _mm_storeu_ps(out + (k + 8) * ENTRIES, _mm512_extractf32x4_ps(rows[k], 2));
      _mm_storeu_ps(out + (k + 12) * ENTRIES, _mm512_extractf32x4_ps(rows[k], 3));
    }
#else
    for (int n = 0; n < WIDTH<float>; ++n, out += ENTRIES)
      out[0] = a.v[n], out[1] = b.v[n], out[2] = c.v[n], out[3] = d.v[n];
#endif
  }
}

// The tables of COLUMNS columns of four numbers; `down` is the way from one number to the next, `across` to the next
// column. Of numbers and columns that are not there the sums are 0.
static INLINE void tabulate(float* tables, const float* from, int64_t down, int64_t across, int64_t numbers,
                            int64_t columns) {
  float copy[GROUP * COLUMNS] = {};
  if (across != 1 || numbers < GROUP || columns < COLUMNS) {
    for (int64_t k = 0; k < smaller(numbers, GROUP); ++k)
      for (int64_t c = 0; c < smaller(columns, COLUMNS); ++c) copy[k * COLUMNS + c] = from[k * down + c * across];
    from = copy, down = COLUMNS;
  }
#if defined(__AVX512F__)
  auto row = [&](int k, __mmask16 lanes) { return _mm512_maskz_broadcast_f32x4(lanes, _mm_loadu_ps(from + k * down)); };
  const __m512 first = row(0, 0xFFFF), second = row(1, 0xFFFF), pairs = row(2, 0xF0F0) + row(3, 0xFF00);
  __m512 a = pairs, b = pairs + first, c = pairs + second, d = pairs + (first + second);
  turn(a, b, c, d);
  _mm512_storeu_ps(tables, a);
  _mm512_storeu_ps(tables + ENTRIES, b);
  _mm512_storeu_ps(tables + 2 * ENTRIES, c);
  _mm512_storeu_ps(tables + 3 * ENTRIES, d);
#else
  for (int64_t c = 0; c < COLUMNS; ++c)
    for (int64_t n = 0; n < ENTRIES; ++n) {
      auto chosen = [&](int k) { return n >> k & 1 ? from[k * down + c] : 0; };
      tables[c * ENTRIES + n] = (chosen(2) + chosen(3)) + (chosen(0) + chosen(1));
    }
#endif
}

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
