// The counter-based draws of spikescan.random: Philox 4x32-10 for sixteen counters at once.
//
// A counter (feature div 4, batch row, step) gives the draws of four neighbouring features. It is a lane of 64 bits,
// since that is what processors multiply 32-bit words in; the upper half of a lane may hold anything.
#pragma once
#include "memory.h"

constexpr int COUNTERS = 32;
using Words = Pack<uint64_t, COUNTERS / WIDTH<uint64_t>>;

// The product of the lower words.
template <int K> INLINE Pack<uint64_t, K> product(Pack<uint64_t, K> x, uint64_t multiplier) {
  if constexpr (K > 1) {
    return {product(x.lo, multiplier), product(x.hi, multiplier)};
  } else {
#if defined(__AVX512F__)
    return {(Vector<uint64_t>)_mm512_mul_epu32((__m512i)x.v, _mm512_set1_epi64((long long)multiplier))};
#elif defined(__AVX2__)
    return {(Vector<uint64_t>)_mm256_mul_epu32((__m256i)x.v, _mm256_set1_epi64x((long long)multiplier))};
#elif defined(__SSE2__)
    return {(Vector<uint64_t>)_mm_mul_epu32((__m128i)x.v, _mm_set1_epi64x((long long)multiplier))};
#elif defined(__ARM_NEON)
    return {(Vector<uint64_t>)vmull_u32(vmovn_u64(x.v), vdup_n_u32((uint32_t)multiplier))};
#else
    return {(x.v & 0xFFFFFFFF) * multiplier};
#endif
  }
}

// (x0, y0, x2, y2, …), or (x1, y1, x3, y3, …).
INLINE Vector<uint64_t> even_pairs(Vector<uint64_t> x, Vector<uint64_t> y) {
#if defined(__AVX512F__)
  return (Vector<uint64_t>)_mm512_unpacklo_epi64((__m512i)x, (__m512i)y);
#elif defined(__AVX2__)
  return (Vector<uint64_t>)_mm256_unpacklo_epi64((__m256i)x, (__m256i)y);
#else
  return Vector<uint64_t>{x[0], y[0]};
#endif
}
INLINE Vector<uint64_t> odd_pairs(Vector<uint64_t> x, Vector<uint64_t> y) {
#if defined(__AVX512F__)
  return (Vector<uint64_t>)_mm512_unpackhi_epi64((__m512i)x, (__m512i)y);
#elif defined(__AVX2__)
  return (Vector<uint64_t>)_mm256_unpackhi_epi64((__m256i)x, (__m256i)y);
#else
  return Vector<uint64_t>{x[1], y[1]};
#endif
}

// Four draws of each counter, counter after counter; first and second are the four words, two to a lane. The counters
// of a vector are in the order of `lane_of`, so that neighbours come out together.
template <int K> INLINE void write_draws(float* to, Pack<uint64_t, K> first, Pack<uint64_t, K> second) {
  if constexpr (K > 1) {
    write_draws(to, first.lo, second.lo);
    write_draws(to + 4 * K / 2 * WIDTH<uint64_t>, first.hi, second.hi);
  } else {
    Vector<uint64_t> words[2] = {even_pairs(first.v, second.v), odd_pairs(first.v, second.v)};
    for (int n = 0; n < 2; ++n) {
      // 23 bits k behind the exponent of 1 are 1 + k / 2^23, and less 1 - 1 / 2^24 they are (k + 1/2) / 2^23.
      Pack<uint32_t, 1> one = (Pack<uint32_t, 1>{(Vector<uint32_t>)words[n]} >> 9) | 0x3F800000u;
      store(to + n * WIDTH<float>, bits<float>(one) + (0x1p-24f - 1));
    }
  }
}

// In which lane a counter lies.
INLINE int64_t lane_of(int64_t counter) {
  constexpr int64_t width = WIDTH<uint64_t>, half = width / 2;
  int64_t within = counter % width;
  return counter - within + within % half * 2 + within / half;
}

// The counters of a few rows of `width` features each, for some steps; `first` is a multiple of 4.
struct Counters {
  static constexpr int MOST = 512 + COUNTERS;
  int64_t groups, rows, steps, width;
  alignas(LINE) uint64_t products[MOST];  // feature div 4, times what the first round multiplies it by
  alignas(LINE) uint64_t row[MOST];
  alignas(LINE) uint64_t step[MOST];

  static constexpr uint64_t M0 = 0xD2511F53, M1 = 0xCD9E8D57, KEY0 = 0x9E3779B9, KEY1 = 0xBB67AE85;
  static constexpr int ROUNDS = 10;

  static int64_t blocks(int64_t width) { return (width + 3) / 4; }

  void fill(int64_t first, int64_t width_, int64_t rows_, int64_t steps_) {
    rows = rows_, steps = steps_, width = width_;
    int64_t each = blocks(width), count = steps * rows * each;
    groups = (count + COUNTERS - 1) / COUNTERS;
    uint64_t block = 0, at_row = 0, at_step = 0;
    for (int64_t n = 0; n < groups * COUNTERS; ++n) {
      int64_t lane = lane_of(n);
      products[lane] = ((uint64_t)first / 4 + block) * M0, row[lane] = at_row, step[lane] = at_step;
      if (++block == (uint64_t)each) block = 0, ++at_row;
      if (at_row == (uint64_t)rows) at_row = 0, ++at_step;
    }
  }

  // The draws of these rows, from batch row `row_from` and step `step_from` on, to out[step][row][feature]; behind the
  // last one up to 4 · COUNTERS more numbers are written.
  void draw(float* out, uint64_t seed, uint64_t row_from, uint64_t step_from) const {
    uint64_t keys[2 * ROUNDS];  // their carry is in the half of a lane that may hold anything
    for (uint64_t n = 0; n < ROUNDS; ++n)
      keys[2 * n] = (uint32_t)seed + n * KEY0, keys[2 * n + 1] = (seed >> 32) + n * KEY1;
    for (int64_t group = 0; group < groups; ++group) draw_group(out, group, keys, row_from, step_from);
    int64_t each = 4 * blocks(width);
    if (width == each) return;
    for (int64_t k = 1; k < steps * rows; ++k)  // what is behind a row's end, the next one covers
      for (int64_t n = 0; n < each; n += 4) memmove(out + k * width + n, out + k * each + n, 4 * sizeof(float));
  }

 private:
  INLINE void draw_group(float* out, int64_t group, const uint64_t* keys, uint64_t row_from, uint64_t step_from) const {
    constexpr uint64_t low = 0xFFFFFFFF;
    Words when = load<Words>(step + group * COUNTERS) + step_from;
    Words first = load<Words>(products + group * COUNTERS), second = product(when, M1);
    Words c0, c1 = load<Words>(row + group * COUNTERS) + row_from, c2, c3 = when >> 32;
#pragma GCC unroll 10
    for (int round = 0; round < ROUNDS; ++round) {
      if (round) first = product(c0, M0), second = product(c2, M1);
      c0 = (second >> 32) ^ c1 ^ keys[2 * round], c1 = second;
      c2 = (first >> 32) ^ c3 ^ keys[2 * round + 1], c3 = first;
    }
    write_draws(out + group * 4 * COUNTERS, (c0 & low) | (c1 << 32), (c2 & low) | (c3 << 32));
  }
};
