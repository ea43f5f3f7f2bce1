// Vectors of the instruction set that this file is compiled for, and packs of several vectors, with the operators of
// numbers.
//
// A Pack<T, K> is K vectors that every operation goes through together: one long chain of operations would leave the
// processor waiting, four independent ones fill it. Where a product is added, `fma` says so: compilers fuse nothing by
// themselves here (-ffp-contract=off), so that a value does not depend on the pack that it was computed in.
#pragma once
#include <stdint.h>
#include <string.h>

#include <type_traits>

#if defined(__x86_64__) || defined(_M_X64)
#include <immintrin.h>
#elif defined(__ARM_NEON)
#include <arm_neon.h>
#endif

#define INLINE inline __attribute__((always_inline))

#if defined(__AVX512F__)
constexpr int BYTES = 64;
#elif defined(__AVX2__)
constexpr int BYTES = 32;
#else
constexpr int BYTES = 16;
#endif
constexpr int LINE = 64;  // bytes of a cache line

template <class T> struct VectorOf {
  typedef T type __attribute__((vector_size(BYTES)));
};
template <class T> using Vector = typename VectorOf<T>::type;
template <class T> constexpr int WIDTH = BYTES / sizeof(T);  // numbers of a vector
template <class T> using Same = std::type_identity_t<T>;     // not deduced: literals are converted

template <class T, int K> struct Pack {
  using Number = T;
  using Half = Pack<T, K / 2>;
  static constexpr int vectors = K, lanes = K * WIDTH<T>;
  Half lo, hi;
};
template <class T> struct Pack<T, 1> {
  using Number = T;
  static constexpr int vectors = 1, lanes = WIDTH<T>;
  Vector<T> v;
};

// What a comparison gives.
template <class T, int K> struct Mask {
  using Half = Mask<T, K / 2>;
  static constexpr int vectors = K;
  Half lo, hi;
};
template <class T> struct Mask<T, 1> {
  static constexpr int vectors = 1;
  decltype(Vector<T>{} < Vector<T>{}) v;
};

// f of the vectors of packs, as an R.
template <class R, class F, class... P> INLINE R zip(F f, P... x) {
  if constexpr (R::vectors == 1) return {f(x.v...)};
  else return {zip<typename R::Half>(f, x.lo...), zip<typename R::Half>(f, x.hi...)};
}
#define EACH(...) [=](__VA_ARGS__) __attribute__((always_inline))

// The same number in every lane.
template <class P> INLINE P all(typename P::Number value) {
  return zip<P>(EACH() { return value - Vector<typename P::Number>{}; });
}

#define OPERATOR(R, op)                                                                                             \
  template <class T, int K> INLINE R<T, K> operator op(Pack<T, K> x, Pack<T, K> y) {                                \
    return zip<R<T, K>>(EACH(Vector<T> a, Vector<T> b) { return a op b; }, x, y);                                   \
  }                                                                                                                 \
  template <class T, int K> INLINE R<T, K> operator op(Pack<T, K> x, Same<T> y) { return x op all<Pack<T, K>>(y); } \
  template <class T, int K> INLINE R<T, K> operator op(Same<T> x, Pack<T, K> y) { return all<Pack<T, K>>(x) op y; }
OPERATOR(Pack, +)
OPERATOR(Pack, -)
OPERATOR(Pack, *)
OPERATOR(Pack, /)
OPERATOR(Pack, &)
OPERATOR(Pack, |)
OPERATOR(Pack, ^)
OPERATOR(Mask, <)
OPERATOR(Mask, <=)
OPERATOR(Mask, >)
#undef OPERATOR

template <class T, int K> INLINE Pack<T, K> operator-(Pack<T, K> x) {
  return zip<Pack<T, K>>(EACH(Vector<T> a) { return -a; }, x);
}
template <class T, int K> INLINE Pack<T, K> operator<<(Pack<T, K> x, int count) {
  return zip<Pack<T, K>>(EACH(Vector<T> a) { return a << count; }, x);
}
template <class T, int K> INLINE Pack<T, K> operator>>(Pack<T, K> x, int count) {
  return zip<Pack<T, K>>(EACH(Vector<T> a) { return a >> count; }, x);
}

// condition ? x : y
template <class T, int K> INLINE Pack<T, K> select(Mask<T, K> condition, Same<Pack<T, K>> x, Same<Pack<T, K>> y) {
  return zip<Pack<T, K>>(EACH(auto c, Vector<T> a, Vector<T> b) { return c ? a : b; }, condition, x, y);
}

// The larger or smaller one; y where either is NaN.
template <class T, int K> INLINE Pack<T, K> max(Pack<T, K> x, Same<Pack<T, K>> y) {
#if defined(__AVX512F__)  // which the compiler does not make of a comparison
  if constexpr (sizeof(T) == 4)
    return zip<Pack<T, K>>(EACH(auto a, auto b) { return (Vector<T>)_mm512_max_ps((__m512)a, (__m512)b); }, x, y);
#endif
  return select(x > y, x, y);
}
template <class T, int K> INLINE Pack<T, K> min(Pack<T, K> x, Same<Pack<T, K>> y) {
#if defined(__AVX512F__)
  if constexpr (sizeof(T) == 4)
    return zip<Pack<T, K>>(EACH(auto a, auto b) { return (Vector<T>)_mm512_min_ps((__m512)a, (__m512)b); }, x, y);
#endif
  return select(x < y, x, y);
}

// x y + z, rounded once where the processor can (not on x86-64 v2).
#if defined(__AVX512F__)
INLINE Vector<float> fused(Vector<float> x, Vector<float> y, Vector<float> z) { return _mm512_fmadd_ps(x, y, z); }
INLINE Vector<double> fused(Vector<double> x, Vector<double> y, Vector<double> z) { return _mm512_fmadd_pd(x, y, z); }
#elif defined(__FMA__)
INLINE Vector<float> fused(Vector<float> x, Vector<float> y, Vector<float> z) { return _mm256_fmadd_ps(x, y, z); }
INLINE Vector<double> fused(Vector<double> x, Vector<double> y, Vector<double> z) { return _mm256_fmadd_pd(x, y, z); }
#elif defined(__ARM_NEON)
INLINE Vector<float> fused(Vector<float> x, Vector<float> y, Vector<float> z) { return vfmaq_f32(z, x, y); }
INLINE Vector<double> fused(Vector<double> x, Vector<double> y, Vector<double> z) { return vfmaq_f64(z, x, y); }
#else
template <class V> INLINE V fused(V x, V y, V z) { return x * y + z; }
#endif
template <class T, int K> INLINE Pack<T, K> fma(Pack<T, K> x, Pack<T, K> y, Pack<T, K> z) {
  return zip<Pack<T, K>>(EACH(Vector<T> a, Vector<T> b, Vector<T> c) { return fused(a, b, c); }, x, y, z);
}
template <class T, int K> INLINE Pack<T, K> fma(Pack<T, K> x, Same<T> y, Pack<T, K> z) {
  return fma(x, all<Pack<T, K>>(y), z);
}
template <class T, int K> INLINE Pack<T, K> fma(Pack<T, K> x, Same<T> y, Same<T> z) {
  return fma(x, all<Pack<T, K>>(y), all<Pack<T, K>>(z));
}

// f(x) number by number.
template <class T, int K, class F> INLINE Pack<T, K> each(Pack<T, K> x, F f) {
  return zip<Pack<T, K>>(
      EACH(Vector<T> a) {
        for (int n = 0; n < WIDTH<T>; ++n) a[n] = f(a[n]);
        return a;
      },
      x);
}

// The bits of a float as whole numbers, and back.
template <class To, class T, int K> INLINE Pack<To, K> bits(Pack<T, K> x) {
  return zip<Pack<To, K>>(EACH(Vector<T> a) { return (Vector<To>)a; }, x);
}
