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

template <class T> INLINE bool any(Mask<T, 1> mask) {
#if defined(__AVX512F__)
  return _mm512_movepi32_mask((__m512i)mask.v);
#elif defined(__AVX2__)
  return _mm256_movemask_ps((__m256)mask.v);
#elif defined(__SSE2__)
  return _mm_movemask_ps((__m128)mask.v);
#else
  bool found = false;
  for (int n = 0; n < WIDTH<T>; ++n) found |= mask.v[n] != 0;
  return found;
#endif
}
template <class T, int K> INLINE bool any(Mask<T, K> mask) { return any(mask.lo) | any(mask.hi); }

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

// How many of n fibres fire with probability p: the smallest k at which the draw is below the sum from 0 to k.
INLINE Lanes binomial(Lanes p, Lanes n, Lanes draw) {
  const Bits whole = bits<int32_t>(n + 8388608.0f);  // 2^23: the lowest bits are the number
  Lanes power = 1 - p, total = all<Lanes>(1);
#pragma GCC unroll 6
  for (int bit = 0; bit < 6; ++bit) {
    total = select(as_float((whole & (1 << bit)) > 0), total * power, total);
    power = power * power;
  }
  Lanes count = all<Lanes>(0);
  auto above = total <= draw;
  if (!any(above)) return count;
  Lanes term = total;
  const Lanes odds = p / (1 - p);
  for (int k = 0; k < 64 && any(above); ++k) {
    count = select(above, count + 1, count);
    term = term * ((n - (float)k) * (float)(1.0 / (k + 1)) * odds);
    total = total + term;
    above = total <= draw;
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
      const auto fired = all<Lanes>(1) <= potential;
      hold = select(fired, all<Lanes>(x.hold), hold - 1);
      if (!any(fired)) continue;
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
