// exp, sigmoid and tanh of packs, which NaN and infinity come through; and numbers as a 16-bit memo keeps them.
#pragma once
#include <math.h>

#include "memory.h"

// For float32 by polynomial (Cephes), with a relative error under 2e-7 on [-87, 88], clamped outside.
template <class T, int K> INLINE Pack<T, K> exp(Pack<T, K> x) {
  if constexpr (sizeof(T) == 8) {
    return each(x, [](double y) { return ::exp(y < -700 ? -700 : y > 700 ? 700 : y); });
  } else {
    using P = Pack<T, K>;
    // NaN comes second, since max and min then give it back.
    x = min(all<P>(88), max(all<P>(-87), x));
    constexpr T rounder = 12582912;  // 1.5 · 2^23: a float32 so large has no fraction, its lowest bits are an integer
    P z = fma(x, T(1.44269504), rounder);
    P n = z - rounder;  // x / ln 2, rounded
    P r = fma(n, T(2.12194440e-4), fma(n, T(-0.693359375), x));
    P p = fma(r, T(1.9875691500e-4), T(1.3981999507e-3));
    p = fma(p, r, all<P>(8.3334519073e-3f));
    p = fma(p, r, all<P>(4.1665795894e-2f));
    p = fma(p, r, all<P>(1.6666665459e-1f));
    p = fma(p, r, all<P>(5.0000001201e-1f));
    p = fma(p, r * r, r + 1);
    return p * bits<float>((bits<uint32_t>(z) << 23) + 0x3F800000u);  // p · 2^n
  }
}

template <class T, int K> INLINE Pack<T, K> log(Pack<T, K> x) {
  return each(x, [](T y) { return sizeof(T) == 4 ? (T)logf((float)y) : (T)::log((double)y); });
}

template <class T, int K> INLINE Pack<T, K> sigmoid(Pack<T, K> x) { return T(1) / (exp(-x) + 1); }

template <class T, int K> INLINE Pack<T, K> tanh(Pack<T, K> x) { return T(1) - T(2) / (exp(x + x) + 1); }

template <class T, int K> INLINE Pack<T, K> abs(Pack<T, K> x) { return max(-x, x); }

// What backward needs of each step, in memory: as it is computed with, or in 16 bits. Those hold what is too large for
// a float16 as its largest number, and keep what is positive positive.
template <class T> struct Memo {
  void* at;
  bool half;

  explicit operator bool() const { return at; }

  template <class P> INLINE P get(int64_t place, int64_t count) const {
    return half ? load_half<P>((const uint16_t*)at + place, count) : load<P>((const T*)at + place, count);
  }

  template <class P> INLINE void put(int64_t place, P x, int64_t count, bool past_caches) const {
    if (half) store_half((uint16_t*)at + place, narrowed(x), count);
    else if (past_caches) stream((T*)at + place, x);
    else store((T*)at + place, x, count);
  }

  INLINE void fetch(int64_t place, int64_t count) const {
    half ? prefetch((const uint16_t*)at + place, count) : prefetch((const T*)at + place, count);
  }

  template <class P> INLINE P rounded(P x) const {
    if (!half) return x;
    uint16_t halves[P::lanes];
    store_half(halves, narrowed(x));
    return load_half<P>(halves);
  }

  template <class P> static INLINE P narrowed(P x) {
    constexpr T largest = 65504, smallest = 1 / T(1 << 24);
    x = select(x > largest, all<P>(largest), select(x < -largest, all<P>(-largest), x));
    const auto tiny = x < smallest;
    return select(x > T(0), select(tiny, all<P>(smallest), x), x);
  }
};
