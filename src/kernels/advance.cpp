// The steps of each firing function.
#include "forward.h"

template <class T, template <class> class Kind> static Advance<T> with_activation(int32_t activation) {
  constexpr Advance<T> of[] = {advance<T, Kind<Identity>>, advance<T, Kind<Sigmoid>>, advance<T, Kind<Tanh>>,
                               advance<T, Kind<ReluTanh>>};
  return of[activation];
}

template <class T> Advance<T> advance_of(int32_t kind, int32_t activation, double a) {
  switch (kind) {
    case BERNOULLI: return activation == SIGMOID ? advance<T, BernoulliSigmoid> : advance<T, BernoulliReluTanh>;
    case GUMBEL: return a == 1 ? advance<T, Gumbel> : advance<T, TemperedGumbel>;
    case ESCAPE: return advance<T, Escape>;
    case THRESHOLD: return with_activation<T, Threshold>(activation);
    case DELTA: return with_activation<T, Delta>(activation);
    default: return advance<T, Leak>;
  }
}

template <class T> void Forward<T>::activate(int32_t activation, int64_t lanes, const T* u, T* f) {
  over_lanes<T>(0, lanes, [=]<int K>(int64_t n, int64_t count) {
    auto x = load<Pack<T, K>>(u + n, count);
    switch (activation) {
      case SIGMOID: x = Sigmoid::of(x); break;
      case TANH: x = Tanh::of(x); break;
      case RELU_TANH: x = ReluTanh::of(x); break;
    }
    store(f + n, x, count);
  });
}

template struct Forward<float>;
template struct Forward<double>;
template Advance<float> advance_of<float>(int32_t, int32_t, double);
template Advance<double> advance_of<double>(int32_t, int32_t, double);
