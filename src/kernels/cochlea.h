// The stages of the artificial cochlea for a tile: 32 steps of 64 channels, in the first-level cache between stages.
//
// From a velocity on nothing is fused and nothing approximated, so that every instruction set, and the reference in
// float32, gives the same numbers and the same spikes.
#pragma once
#include "draws.h"
#include "plan.h"
#include "spikescan.h"

constexpr int64_t BLOCK = 64;  // channels
constexpr int64_t TILE = 32;   // steps
using Lanes = Pack<float, 2>;
using Bits = Pack<int32_t, 2>;

// Whether x <= y in any lane.
INLINE bool any_at_most(Pack<float, 1> x, Pack<float, 1> y) {
#if defined(__AVX512F__)
  return _mm512_cmp_ps_mask((__m512)x.v, (__m512)y.v, _CMP_LE_OQ);
#elif defined(__AVX2__)
  return _mm256_movemask_ps(_mm256_cmp_ps((__m256)x.v, (__m256)y.v, _CMP_LE_OQ));
#elif defined(__SSE2__)
  return _mm_movemask_ps(_mm_cmple_ps((__m128)x.v, (__m128)y.v));
#else
  bool found = false;
  for (int n = 0; n < WIDTH<float>; ++n) found |= x.v[n] <= y.v[n];
  return found;
#endif
}
template <int K> INLINE bool any_at_most(Pack<float, K> x, Pack<float, K> y) {
  return any_at_most(x.lo, y.lo) | any_at_most(x.hi, y.hi);
}

// The same lanes of numbers of another type.
template <int K> INLINE Mask<float, K> as_float(Mask<int32_t, K> mask) {
  if constexpr (K > 1) return {as_float(mask.lo), as_float(mask.hi)};
  else return {(decltype(Mask<float, 1>::v))mask.v};
}

// Where the numbers of a step's lanes are in an array (T, lanes), or in a tile.
template <class F> struct Rows {
  F* at;
  int64_t stride;
  INLINE F* row(int64_t step) const { return at + step * stride; }
};
using Input = Rows<const float>;
using Output = Rows<float>;

inline void membrane(const Cochlea& x, const float* sound, int64_t lane, int64_t steps, Output velocity) {
  const int64_t width = x.lanes;
  for (int64_t n = 0; n < BLOCK; n += Lanes::lanes) {
    for (int64_t p = 0; p < x.poles; ++p) {
      const float* c = x.coefficients + p * 6 * width + lane + n;
      float* state = x.z + p * 2 * width + lane + n;
      const Lanes turn_re = load<Lanes>(c), turn_im = load<Lanes>(c + width);
      const Lanes odd_re = load<Lanes>(c + 2 * width), odd_im = load<Lanes>(c + 3 * width);
      const Lanes even_re = load<Lanes>(c + 4 * width), even_im = load<Lanes>(c + 5 * width);
      Lanes re = load<Lanes>(state), im = load<Lanes>(state + width);
      for (int64_t t = 0; t < steps; ++t) {
        const Lanes odd = all<Lanes>(sound[2 * t]), even = all<Lanes>(sound[2 * t + 1]);
        const Lanes next = fma(turn_re, re, fma(-turn_im, im, fma(odd_re, odd, even_re * even)));
        im = fma(turn_re, im, fma(turn_im, re, fma(odd_im, odd, even_im * even)));
        re = next;
        float* sum = velocity.row(t) + n;
        store(sum, p ? load<Lanes>(sum) + re : re);
      }
      store(state, re), store(state + width, im);
    }
  }
}

inline void hair_cells(const Cochlea& x, Input velocity, int64_t lane, int64_t steps, Output probability) {
  const Lanes zero = all<Lanes>(0);
  for (int64_t n = 0; n < BLOCK; n += Lanes::lanes) {
    float* state = x.pools + lane + n;
    Lanes q = load<Lanes>(state), c = load<Lanes>(state + x.lanes), w = load<Lanes>(state + 2 * x.lanes);
    for (int64_t t = 0; t < steps; ++t) {
      const Lanes drive = load<Lanes>(velocity.row(t) + n) + x.a;
      const Lanes permeability = select(drive > 0, x.g * drive / (drive + x.b), zero);
      const Lanes replenished = select(q < x.m, x.y * (x.m - q), zero);
      const Lanes ejected = permeability * q, reprocessed = x.x * w, left = x.r * c;
      q = max(((q + replenished) - ejected) + reprocessed, zero);
      c = max((c + ejected) - x.l_plus_r * c, zero);
      w = max((w + left) - reprocessed, zero);
      store(probability.row(t) + n, x.h * c);
    }
    store(state, q), store(state + x.lanes, c), store(state + 2 * x.lanes, w);
  }
}

// Draws (k + 1/2) / 2^16 for 64 channels of each step of a tile, out[step][channel]: eight counters (first channel
// div 8 + n, 0, step) of Philox have 32 words, w0 and w1 of each counter, then w2 and w3; of word n the lower half is
// for channel n, the upper one for channel n + 32.
inline void draw_tile(float* out, uint64_t seed, uint64_t channel, uint64_t begin, int64_t steps) {
  constexpr int together = 4, counters = BLOCK / 8;  // steps, which are independent and fill the processor
  using Counts = Pack<uint64_t, counters / WIDTH<uint64_t>>;
  using Halves = Pack<uint32_t, counters / WIDTH<uint64_t>>;
  constexpr uint64_t low = 0xFFFFFFFF;
  uint64_t places[counters];
  for (uint64_t n = 0; n < counters; ++n) places[n] = (channel / 8 + n) * Counters::M0;
  const Counts place = load<Counts>(places);
  for (int64_t t = 0; t < steps; t += together) {
    Counts c0[together], c1[together], c2[together], c3[together];
    for (int n = 0; n < together; ++n) {
      const uint64_t step = begin + t + n, product = (step & low) * Counters::M1;
      // The first round, of which the key is added below.
      c0[n] = all<Counts>(product >> 32), c1[n] = all<Counts>(product);
      c2[n] = place >> 32 ^ (step >> 32), c3[n] = place;
    }
    for (uint64_t round = 0; round < Counters::ROUNDS; ++round) {
      const uint64_t key0 = (uint32_t)(seed + round * Counters::KEY0);
      const uint64_t key1 = (uint32_t)((seed >> 32) + round * Counters::KEY1);
      for (int n = 0; n < together; ++n) {
        if (round) {
          const Counts first = product(c0[n], Counters::M0), second = product(c2[n], Counters::M1);
          c0[n] = (second >> 32) ^ c1[n], c2[n] = (first >> 32) ^ c3[n], c1[n] = second, c3[n] = first;
        }
        c0[n] = c0[n] ^ key0, c2[n] = c2[n] ^ key1;
      }
    }
    for (int n = 0; n < together; ++n) {
      float* to = out + (t + n) * BLOCK;
      const Counts pairs[2] = {(c0[n] & low) | (c1[n] << 32), (c2[n] & low) | (c3[n] << 32)};
      for (int k = 0; k < 2; ++k, to += Halves::lanes) {
        // 16 bits k behind the exponent of 1 are 1 + k / 2^16, and less 1 - 1 / 2^17 they are (k + 1/2) / 2^16.
        const Halves words = bits<uint32_t>(pairs[k]);
        const Halves lower = ((words << 7) & 0x7FFF80u) | 0x3F800000u, upper = ((words >> 9) & 0x7FFF80u) | 0x3F800000u;
        store(to, bits<float>(lower) + (0x1p-17f - 1));
        store(to + BLOCK / 2, bits<float>(upper) + (0x1p-17f - 1));
      }
    }
  }
}

constexpr int MOST = 64;  // fibres, of which 40 are used
constexpr struct Inverse {
  float of[MOST]{};  // 1 / (k + 1)
  constexpr Inverse() {
    for (int k = 0; k < MOST; ++k) of[k] = (float)(1.0 / (k + 1));
  }
} INVERSE;

// How many of n fibres fire with probability p: the smallest k at which the draw is below the sum from 0 to k.
INLINE Lanes binomial(Lanes p, Lanes n, Lanes draw) {
  const Bits whole = bits<int32_t>(n + 8388608.0f);  // 2^23: the lowest bits are the number
  Lanes power = 1 - p, total = all<Lanes>(1);
#pragma GCC unroll 6
  for (int bit = 0; bit < 6; ++bit) {
    total = select(as_float((whole & (1 << bit)) > 0), total * power, total);
    power = power * power;
  }
  const Lanes odds = p / (1 - p);
  Lanes count = select(total <= draw, all<Lanes>(1), all<Lanes>(0));
  Lanes term = total * (n * odds);
  total = total + term;
  for (int k = 1; k < MOST && any_at_most(total, draw); ++k) {  // seldom: at rest 0.6 % of channels have two
    count = select(total <= draw, count + 1, count);
    term = term * ((n - (float)k) * INVERSE.of[k] * odds);
    total = total + term;
  }
  return min(count, n);
}

// Fibres and bushy cells; writes spikes from `spikes` on and returns how many.
inline int64_t bushy_cells(const Cochlea& x, Input probability, const float* draws, int64_t lane, int64_t begin,
                           int64_t steps, int64_t* spikes) {
  const Lanes zero = all<Lanes>(0);
  int64_t found = 0;
  for (int64_t n = 0; n < BLOCK; n += Lanes::lanes) {
    float *state = x.bushy + lane + n, *ready_at = x.ready + lane + n;
    Lanes current = load<Lanes>(state), potential = load<Lanes>(state + x.lanes);
    Lanes hold = load<Lanes>(state + 2 * x.lanes), ready = load<Lanes>(ready_at);
    int64_t slot = (x.step + begin) % x.dead;
    for (int64_t t = 0; t < steps; ++t) {
      float* silent = x.silent + slot * x.lanes + lane + n;
      if (++slot == x.dead) slot = 0;
      ready = ready + load<Lanes>(silent);
      const Lanes count = binomial(load<Lanes>(probability.row(t) + n), ready, load<Lanes>(draws + t * BLOCK + n));
      store(silent, count);
      ready = ready - count;
      current = current * x.leak_current + count;
      const Lanes charged = min(potential * x.leak_potential + current * x.weight, all<Lanes>(1));
      potential = select(hold > 0, zero, charged);
      hold = select(all<Lanes>(1) <= potential, all<Lanes>(x.hold), hold - 1);
      if (!any_at_most(all<Lanes>(1), potential)) continue;
      float potentials[Lanes::lanes];
      store(potentials, potential);
      for (int64_t k = 0; k < Lanes::lanes; ++k) {
        const int64_t channel = x.first + lane + n + k;
        if (potentials[k] >= 1 && channel < x.channels) spikes[found++] = (begin + t) * x.channels + channel;
      }
    }
    store(state, current), store(state + x.lanes, potential), store(state + 2 * x.lanes, hold);
    store(ready_at, ready);
  }
  return found;
}
