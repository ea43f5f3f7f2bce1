// Packs in memory: loads and stores, whole and in part, past the caches, and in 16 bits.
//
// Of a pack of one vector the first `count` numbers are read or written, of a larger pack all of them.
#pragma once
#include "simd.h"

#if defined(__AVX2__) && !defined(__AVX512F__)
INLINE __m256i first(int64_t count, int size) {  // a mask of the first `count` numbers of 4 or 8 bytes
  __m256i places = size == 4 ? _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7) : _mm256_setr_epi32(0, 0, 1, 1, 2, 2, 3, 3);
  return _mm256_cmpgt_epi32(_mm256_set1_epi32((int)count), places);
}
#endif

template <class P> INLINE P load(const typename P::Number* from, int64_t count = P::lanes) {
  using T [[maybe_unused]] = typename P::Number;
  if constexpr (P::vectors > 1) {
    return {load<typename P::Half>(from), load<typename P::Half>(from + P::lanes / 2)};
  } else {
    P x{};
    if (count >= P::lanes) {
      memcpy(&x, from, BYTES);
      return x;
    }
#if defined(__AVX512F__)
    if constexpr (sizeof(T) == 4) x.v = (Vector<T>)_mm512_maskz_loadu_ps((__mmask16)((1u << count) - 1), from);
    else x.v = (Vector<T>)_mm512_maskz_loadu_pd((__mmask8)((1u << count) - 1), from);
#elif defined(__AVX2__)
    if constexpr (sizeof(T) == 4) x.v = (Vector<T>)_mm256_maskload_ps((const float*)from, first(count, 4));
    else x.v = (Vector<T>)_mm256_maskload_pd((const double*)from, first(count, 8));
#else
    for (int n = 0; n < count; ++n) x.v[n] = from[n];
#endif
    return x;
  }
}

template <class T, int K> INLINE void store(T* to, Pack<T, K> x, int64_t count = K * WIDTH<T>) {
  if constexpr (K > 1) {
    store(to, x.lo);
    store(to + Pack<T, K>::lanes / 2, x.hi);
  } else {
    if (count >= WIDTH<T>) {
      memcpy(to, &x, BYTES);
      return;
    }
#if defined(__AVX512F__)
    if constexpr (sizeof(T) == 4) _mm512_mask_storeu_ps(to, (__mmask16)((1u << count) - 1), (__m512)x.v);
    else _mm512_mask_storeu_pd(to, (__mmask8)((1u << count) - 1), (__m512d)x.v);
#elif defined(__AVX2__)
    if constexpr (sizeof(T) == 4) _mm256_maskstore_ps((float*)to, first(count, 4), (__m256)x.v);
    else _mm256_maskstore_pd((double*)to, first(count, 8), (__m256d)x.v);
#else
    for (int n = 0; n < count; ++n) to[n] = x.v[n];
#endif
  }
}

// Non-temporal: past the caches, to whole cache lines. Other threads see it after `fence`.
template <class T, int K> INLINE void stream(T* to, Pack<T, K> x) {
  if constexpr (K > 1) {
    stream(to, x.lo);
    stream(to + Pack<T, K>::lanes / 2, x.hi);
  } else {
#if defined(__AVX512F__)
    _mm512_stream_si512((__m512i*)to, (__m512i)x.v);
#elif defined(__AVX2__)
    _mm256_stream_si256((__m256i*)to, (__m256i)x.v);
#elif defined(__SSE2__)
    _mm_stream_si128((__m128i*)to, (__m128i)x.v);
#else
    memcpy(to, &x, BYTES);
#endif
  }
}

INLINE void fence() {
#if defined(__SSE2__)
  _mm_sfence();
#endif
}

// Begin to load the lines of `count` numbers into the second-level cache.
template <class T> INLINE void prefetch(const T* from, int64_t count) {
  for (int64_t n = 0; n < count; n += LINE / (int64_t)sizeof(T)) __builtin_prefetch(from + n, 0, 2);
}

// float32 numbers in the type of P; whole vectors are read.
template <class P> INLINE P widen(const float* from) {
  using T [[maybe_unused]] = typename P::Number;
  if constexpr (P::vectors > 1) {
    return {widen<typename P::Half>(from), widen<typename P::Half>(from + P::lanes / 2)};
  } else if constexpr (sizeof(T) == 4) {
    return load<P>(from);
  } else {
    typedef float Narrow __attribute__((vector_size(BYTES / 2)));
    Narrow x;
    memcpy(&x, from, BYTES / 2);
    return {__builtin_convertvector(x, Vector<T>)};
  }
}

// float16 bits, widened; and narrowed, rounded to the nearest.
template <class P> INLINE P load_half(const uint16_t* from, int64_t count = P::lanes) {
  using T [[maybe_unused]] = typename P::Number;
  if constexpr (P::vectors > 1) {
    return {load_half<typename P::Half>(from), load_half<typename P::Half>(from + P::lanes / 2)};
  } else {
    uint16_t halves[P::lanes] = {};
    const uint16_t* read = from;
    if (count < P::lanes) {
      for (int n = 0; n < count; ++n) halves[n] = from[n];
      read = halves;
    }
    P x;
#if defined(__AVX512F__)
    if constexpr (sizeof(T) == 4) return {(Vector<T>)_mm512_cvtph_ps(_mm256_loadu_si256((const __m256i*)read))};
#elif defined(__F16C__)
    if constexpr (sizeof(T) == 4) return {(Vector<T>)_mm256_cvtph_ps(_mm_loadu_si128((const __m128i*)read))};
#endif
    for (int n = 0; n < P::lanes; ++n) {
      _Float16 half;
      memcpy(&half, read + n, 2);
      x.v[n] = (float)half;
    }
    return x;
  }
}

template <class T, int K> INLINE void store_half(uint16_t* to, Pack<T, K> x, int64_t count = K * WIDTH<T>) {
  if constexpr (K > 1) {
    store_half(to, x.lo);
    store_half(to + Pack<T, K>::lanes / 2, x.hi);
  } else {
    uint16_t halves[WIDTH<T>];
#if defined(__AVX512F__)
    if constexpr (sizeof(T) == 4) _mm256_storeu_si256((__m256i*)halves, _mm512_cvtps_ph((__m512)x.v, 0));
#elif defined(__F16C__)
    if constexpr (sizeof(T) == 4) _mm_storeu_si128((__m128i*)halves, _mm256_cvtps_ph((__m256)x.v, 0));
#endif
#if defined(__F16C__)
    constexpr bool converted = sizeof(T) == 4;
#else
    constexpr bool converted = false;
#endif
    if constexpr (!converted)
      for (int n = 0; n < WIDTH<T>; ++n) {
        _Float16 half = (_Float16)(float)x.v[n];
        memcpy(halves + n, &half, 2);
      }
    if (count >= WIDTH<T>) memcpy(to, halves, sizeof halves);
    else
      for (int n = 0; n < count; ++n) to[n] = halves[n];
  }
}

// body<K>(lane, count) for lanes lo to hi: in packs of four vectors, then of one, the last of which may be partial.
template <class T, class Body> INLINE void over_lanes(int64_t lo, int64_t hi, Body body) {
  for (; lo + Pack<T, 4>::lanes <= hi; lo += Pack<T, 4>::lanes) body.template operator()<4>(lo, Pack<T, 4>::lanes);
  for (; lo < hi; lo += Pack<T, 1>::lanes) body.template operator()<1>(lo, hi - lo);
}
