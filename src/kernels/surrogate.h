// What a step answers, backward: surrogates of Θ′, derivatives of f, and the adjoint of firing and reset.
#pragma once
#include "leaky.h"

// Surrogates at the distance z from the threshold.
struct FastSigmoid {
  template <class P> static INLINE P slope(P z, typename P::Number scale) {
    P d = fma(abs(z), scale, 1);
    return 1 / (d * d);
  }
};
struct Triangular {
  template <class P> static INLINE P slope(P z, typename P::Number scale) { return max(all<P>(0), 1 - scale * abs(z)); }
};
struct Logistic {
  template <class P> static INLINE P slope(P z, typename P::Number scale) {
    P y = sigmoid(scale * z);
    return scale * y * (1 - y);
  }
};
struct Arctan {
  template <class P> static INLINE P slope(P z, typename P::Number scale) {
    return 1 / (1 + (scale * z) * (scale * z));
  }
};
struct Boxcar {
  template <class P> static INLINE P slope(P z, typename P::Number scale) {
    return select(abs(z) < all<P>(scale), all<P>(1), all<P>(0));
  }
};

// f'(u) as a polynomial of f = f(u), 0 up to `none`: one formula for every activation.
template <class T> struct ActivationSlope {
  T constant, linear, square, none;

  explicit ActivationSlope(int32_t activation) {
    constexpr T lowest = sizeof(T) == 4 ? (T)-3.4e38 : (T)-1.7e308;
    switch (activation) {
      case SIGMOID: *this = {0, 1, -1, lowest}; break;
      case TANH: *this = {1, 0, -1, lowest}; break;
      case RELU_TANH: *this = {1, 0, -1, 0}; break;
      default: *this = {1, 0, 0, lowest};
    }
  }
  ActivationSlope(T constant, T linear, T square, T none)
      : constant(constant), linear(linear), square(square), none(none) {}

  template <class P> INLINE P at(P f) const {
    P g = min(all<P>(1), max(all<P>(-1), f));  // an identity may be larger, and infinity · 0 is NaN
    P slope = constant + (linear + square * g) * g;
    return select(f <= none, all<P>(0), slope);
  }

  // p f'(u) + rest
  template <class P> INLINE P times(P p, P f, P rest) const {
    return linear == 0 && square == 0 ? p + rest : fma(p, at(f), rest);
  }
};

// Of one step: the spike's gradient g, the potential's u, what backward needs of this step and the one before, the
// threshold, what the step after passes on to f(u) of this one, and the spike's gradient by the other state.
template <class P> struct Arriving {
  P g, u, kept, before, threshold, later, jumped;
};

// The gradient of the charge; what is taken off the threshold's; what is passed on to f(u) of the step before.
template <class P> struct Answer {
  P charge, fallen, passed;
};

// hard, soft: 1 for that reset. through: 1 where the reset carries a gradient.
template <class T> struct Rules {
  T hard, soft, through, scale;
  ActivationSlope<T> slope;
};

struct Passing {
  static constexpr bool fires = false, compares = false, carries = false, resets = false;
  template <class P, class T> static INLINE Answer<P> answer(const Arriving<P>& x, const Rules<T>&) {
    return {x.u, all<P>(0), x.later};
  }
};

// Stochastic firing kept its local derivative.
struct Smooth {
  static constexpr bool fires = true, compares = false, carries = false, resets = false;
  template <class P, class T> static INLINE Answer<P> answer(const Arriving<P>& x, const Rules<T>&) {
    return {fma(x.g, x.kept, x.u), all<P>(0), x.later};
  }
};

template <class Surrogate> struct Crossing {
  static constexpr bool fires = true, compares = true, carries = false, resets = true;
  template <class P, class T> static INLINE Answer<P> answer(const Arriving<P>& x, const Rules<T>& rules) {
    const P z = x.kept, f = z + x.threshold;
    const Mask fired = z > 0;
    P g = x.g, kept = x.u, fallen = all<P>(0);
    if (rules.through) g = g - x.u * (rules.hard * f + rules.soft * x.threshold) + x.jumped;
    if (rules.hard) kept = select(fired, x.u - x.u, x.u);  // 0, or NaN
    if (rules.soft) fallen = select(fired, x.u, all<P>(0));
    const P p = g * Surrogate::slope(z, rules.scale);
    return {rules.slope.times(p, f, kept), p + fallen, x.later};
  }
};

template <class Surrogate> struct Rising {
  static constexpr bool fires = true, compares = true, carries = true, resets = false;
  template <class P, class T> static INLINE Answer<P> answer(const Arriving<P>& x, const Rules<T>& rules) {
    const P p = x.g * Surrogate::slope(x.kept - x.before - x.threshold, rules.scale);
    return {rules.slope.times(p - x.later, x.kept, x.u), p, p};
  }
};
