// Firing functions: from the potential w, what the step before kept, the draw r and the threshold to the spike and what
// is kept for the backward pass. That is the local derivative of a stochastic one, f(u) - threshold of Threshold, f(u)
// of Delta. The formulas are derived in spikescan/firing.
#pragma once
#include "leaky.h"

template <class P> struct Potential {
  P w, before, threshold;
  const float* draws;
  typename P::Number a, b, c;

  INLINE P r() const { return widen<P>(draws); }
};

template <class P> struct Fired {
  P spike, kept;
};

// 1 or 0, and NaN where the potential is not finite: a comparison would hide that.
template <class M, class P> INLINE P spike(M fires, P w) { return select(fires, all<P>(1), all<P>(0)) + (w - w); }

struct Identity {
  template <class P> static INLINE P of(P x) { return x; }
};
struct Sigmoid {
  template <class P> static INLINE P of(P x) { return sigmoid(x); }
};
struct Tanh {
  template <class P> static INLINE P of(P x) { return tanh(x); }
};
struct ReluTanh {
  template <class P> static INLINE P of(P x) { return max(all<P>(0), tanh(x)); }
};

// draws: whether it uses r; resets: whether it may reset; carries: whether it looks at what the step before kept.
struct Silent {
  static constexpr bool fires = false, draws = false, resets = false, carries = false;
};
struct Stochastic {
  static constexpr bool fires = true, draws = true, resets = false, carries = false;
};

// No firing.
struct Leak : Silent {
  template <class P> static INLINE Fired<P> fire(const Potential<P>& x) { return {x.w, x.w}; }
};

struct BernoulliSigmoid : Stochastic {
  template <class P> static INLINE Fired<P> fire(const Potential<P>& x) {
    P rho = sigmoid(x.w);
    return {spike(x.r() < rho, x.w), rho * rho * (1 - rho)};
  }
};

struct BernoulliReluTanh : Stochastic {
  template <class P> static INLINE Fired<P> fire(const Potential<P>& x) {
    P rho = ReluTanh::of(x.w);
    return {spike(x.r() < rho, x.w), rho * (1 - rho * rho)};
  }
};

// At temperature 1 no logarithm is needed: y = r / (r + (1 - r) exp(-2u)).
struct Gumbel : Stochastic {
  template <class P> static INLINE Fired<P> fire(const Potential<P>& x) {
    P e = exp(-(x.w + x.w)), r = x.r();
    e = (1 - r) * e;
    P y = r / (r + e);
    return {spike(r > e, x.w), (y + y) * (1 - y)};
  }
};

struct TemperedGumbel : Stochastic {
  template <class P> static INLINE Fired<P> fire(const Potential<P>& x) {
    P z = x.w + x.w + log(x.r() / (1 - x.r())), y = sigmoid(z * x.a);
    return {spike(z > 0, x.w), (x.a + x.a) * y * (1 - y)};
  }
};

struct Escape : Stochastic {
  template <class P> static INLINE Fired<P> fire(const Potential<P>& x) {
    P rate = x.a * exp((x.w - x.b) * x.c), rho = min(rate, all<P>(1));  // finite before it is squared
    return {spike(x.r() < rate, x.w), select(rate < 1, rho * rho * x.c, all<P>(0))};
  }
};

template <class F> struct Threshold {
  static constexpr bool fires = true, draws = false, resets = true, carries = false;
  template <class P> static INLINE Fired<P> fire(const Potential<P>& x) {
    P z = F::of(x.w) - x.threshold;
    return {spike(z > 0, x.w), z};
  }
};

template <class F> struct Delta {
  static constexpr bool fires = true, draws = false, resets = false, carries = true;
  template <class P> static INLINE Fired<P> fire(const Potential<P>& x) {
    P f = F::of(x.w);
    return {spike(f - x.before - x.threshold > 0, x.w), f};
  }
};
