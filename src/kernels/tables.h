// Tables of the 16 sums of four numbers, and looking them up for many lanes at once.
#pragma once
#include "plan.h"

constexpr int64_t GROUP = 4, ENTRIES = 16, COLUMNS = 4;
constexpr int64_t TABLES = COLUMNS * ENTRIES;  // numbers of the tables of a group
constexpr int64_t ROWS = 128;  // of a tile; with 128 inputs, their indices take a third of the first-level cache
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
