// The steps back of each surrogate.
#include "backward.h"

template <class T, template <class> class Kind> static Retreat<T> with_surrogate(int32_t surrogate) {
  constexpr Retreat<T> of[] = {retreat<T, Kind<FastSigmoid>>, retreat<T, Kind<Triangular>>, retreat<T, Kind<Logistic>>,
                               retreat<T, Kind<Arctan>>, retreat<T, Kind<Boxcar>>};
  return of[surrogate];
}

template <class T> Retreat<T> retreat_of(int32_t kind, int32_t surrogate) {
  switch (kind) {
    case LEAK: return retreat<T, Passing>;
    case THRESHOLD: return with_surrogate<T, Crossing>(surrogate);
    case DELTA: return with_surrogate<T, Rising>(surrogate);
    default: return retreat<T, Smooth>;
  }
}

template Retreat<float> retreat_of<float>(int32_t, int32_t);
template Retreat<double> retreat_of<double>(int32_t, int32_t);
