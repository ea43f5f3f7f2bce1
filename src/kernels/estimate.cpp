// MPE-PSN: estimate, charge, fire and compare, one pass over memory forward, one backward, which draws again instead of
// keeping the draws. x current, ô drawn spike, û estimate, h charge, o spike, u membrane after the reset, as in
// spikescan/neurons/mpe_psn.py. A task is a part of one batch row, over all time.
#include "draws.h"
#include "functions.h"
#include "parallel.h"
#include "plan.h"
#include "spikescan.h"

constexpr int64_t TILE = 4;  // steps for which the state of a pack stays in registers

template <class T> struct Estimating {
  const Estimate& x;
  int64_t number, row, lanes, first, pitch, steps;  // steps: of the row, without padding
  T threshold;
  alignas(LINE) T last[PIECE];  // forward: û or u of the step before; backward: what the step after asks of it
  alignas(LINE) T estimate[PIECE], slope[PIECE];  // backward: of the step that is next
  alignas(LINE) T sums[TILE][Pack<T, 4>::lanes];
  alignas(LINE) float draws[TILE * PIECE + 4 * COUNTERS];
  Counters counters;

  Estimating(const Estimate& x, int64_t number) : x(x), number(number) {
    const int64_t parts = divide_up(x.features, PIECE), feature = number % parts * PIECE;
    row = number / parts, lanes = smaller(PIECE, x.features - feature);
    pitch = x.rows * x.features, first = row * x.features + feature;
    steps = x.lengths ? smaller(x.lengths[row], x.steps) : x.steps;
    threshold = *(const T*)x.threshold;
    if (x.draws) counters.fill(feature, lanes, 1, 1);
  }

  template <class U> U* lane(U* sequence) const { return sequence ? sequence + first : nullptr; }
  // How much of the estimate the charge of step t takes.
  T rate(int64_t t) const { return x.previous || *x.step + t > 0 ? (T)x.decay : 0; }

  void draw(int64_t t, int64_t stop) {
    for (int64_t k = t; x.draws && k < stop; ++k)
      counters.draw(draws + (k - t) * PIECE, (uint64_t)*x.seed, (uint64_t)row, (uint64_t)(*x.step + k));
  }

  // û and its derivative.
  template <class P> INLINE P estimated(P current, const float* r, P& slope_) const {
    const P rho = sigmoid(current);
    if (x.draws) {
      slope_ = select(widen<P>(r) < rho, all<P>(0), all<P>(1));
      return slope_ * current;
    }
    slope_ = (1 - rho) * (1 - current * rho);
    return (1 - rho) * current;
  }

  static double total(const T* values, int64_t count) {
    double sum = 0;
    for (int64_t n = 0; n < count; ++n) sum += values[n];
    return sum;
  }

  void clear(void* sequence) const {
    for (int64_t t = larger(steps, 0); sequence && t < x.steps; ++t)
      memset(lane((T*)sequence) + t * pitch, 0, (size_t)lanes * sizeof(T));
  }

  void forward() {
    for (int64_t n = 0; n < lanes; ++n) last[n] = lane((const T*)x.carried)[n];
    double* distance = x.distance + number * x.steps;
    for (int64_t t = 0; t < steps; t += TILE) {
      const int64_t stop = smaller(t + TILE, steps);
      draw(t, stop);
      memset(sums, 0, sizeof sums);
      over_lanes<T>(0, lanes,
                    [=, this]<int K>(int64_t n, int64_t count) { this->template charge<K>(t, stop, n, count); });
      for (int64_t k = t; k < stop; ++k) distance[k] = total(sums[k - t], Pack<T, 4>::lanes);
    }
    for (int64_t t = larger(steps, 0); t < x.steps; ++t) distance[t] = 0;
    clear(x.spikes), clear(x.potential);
    memcpy(lane((T*)x.carry), last, (size_t)lanes * sizeof(T));
  }

  template <int K> INLINE void charge(int64_t t, int64_t stop, int64_t n, int64_t count) {
    using P = Pack<T, K>;
    P before = load<P>(last + n, count), slope_;
    for (int64_t k = t; k < stop; ++k) {
      const int64_t place = k * pitch + n;
      const P current = load<P>(lane((const T*)x.x) + place, count);
      if (K > 1) prefetch(lane((const T*)x.x) + smaller(k + TILE, x.steps - 1) * pitch + n, P::lanes);
      const P guess = estimated(current, draws + (k - t) * PIECE + n, slope_);
      const P h = fma(x.previous ? before : guess, rate(k), current);
      const P spikes = select(h > threshold, all<P>(1), all<P>(0)) + (h - h), u = (1 - spikes) * h;
      const P distance = guess - (x.previous ? u : before);
      store(sums[k - t], fma(distance, distance, load<P>(sums[k - t], count)), count);
      store(lane((T*)x.spikes) + place, spikes, count);
      if (x.potential) store(lane((T*)x.potential) + place, u, count);
      before = x.previous ? guess : u;
    }
    store(last + n, before, count);
  }

  void backward() {
    for (int64_t n = 0; n < lanes; ++n) last[n] = x.grad_carry ? lane((const T*)x.grad_carry)[n] : 0;
    memset(sums, 0, sizeof sums);
    clear(x.grad_x);
    if (steps > 0) {
      draw(steps - 1, steps);
      over_lanes<T>(0, lanes, [=, this]<int K>(int64_t n, int64_t count) {
        using P = Pack<T, K>;
        P slope_, guess = estimated(load<P>(lane((const T*)x.x) + (steps - 1) * pitch + n, count), draws + n, slope_);
        store(estimate + n, guess, count), store(slope + n, slope_, count);
      });
    }
    for (int64_t stop = steps; stop > 0; stop -= TILE) {
      const int64_t t = larger(stop - TILE, 0);
      draw(t - 1, stop - 1);  // of the steps before
      over_lanes<T>(0, lanes,
                    [=, this]<int K>(int64_t n, int64_t count) { this->template answer<K>(t, stop, n, count); });
    }
    x.grad_threshold[number] = total(sums[0], Pack<T, 4>::lanes);
    memcpy(lane((T*)x.grad_carried), last, (size_t)lanes * sizeof(T));
  }

  template <int K> INLINE void answer(int64_t t, int64_t stop, int64_t n, int64_t count) {
    using P = Pack<T, K>;
    const T *gs = lane((const T*)x.grad_spikes), *gp = lane((const T*)x.grad_potential),
            *currents = lane((const T*)x.x);
    P later = load<P>(last + n, count), guess = load<P>(estimate + n, count), derivative = load<P>(slope + n, count);
    P fallen = load<P>(sums[0], count);
    for (int64_t k = stop - 1; k >= t; --k) {
      const int64_t place = k * pitch + n;
      const P current = load<P>(currents + place, count);
      const T weight = x.grad_distance ? 2 * ((const T*)x.grad_distance)[k] : 0;
      P before, derivative_before = {}, current_before = {};
      if (k > 0) {
        current_before = load<P>(currents + place - pitch, count);
        before = estimated(current_before, draws + (k - t) * PIECE + n, derivative_before);
      } else {
        before = load<P>(lane((const T*)x.carried) + n, count);
      }
      P gu = gp ? load<P>(gp + place, count) : all<P>(0);
      const P h = fma(x.previous ? before : guess, rate(k), current);
      const P stays = select(h > threshold, all<P>(0), all<P>(1));
      P e = {};
      if (x.previous) {
        e = weight * (guess - stays * h);
        gu = gu - e;
      } else {
        const P h_before = fma(before, rate(k - 1), current_before);
        // 0 after a spike, or NaN; before the first step the state itself
        const P u_before = k > 0 ? select(h_before <= threshold, h_before, h_before - h_before) : before;
        e = weight * (guess - u_before);
        gu = gu + later;
      }
      const P surrogate = max(all<P>(0), 1 - abs(h - threshold));
      const P go = ((gs ? load<P>(gs + place, count) : all<P>(0)) - gu * h) * surrogate;
      const P gh = fma(gu, stays, go);
      fallen = fallen - go;
      const P asked = x.previous ? e + later : e + rate(k) * gh;  // of û
      store(lane((T*)x.grad_x) + place, fma(derivative, asked, gh), count);
      later = x.previous ? rate(k) * gh : -e;
      guess = before, derivative = derivative_before;
    }
    store(last + n, later, count), store(estimate + n, guess, count), store(slope + n, derivative, count);
    store(sums[0], fallen, count);
  }
};

static int64_t tasks(const Estimate& x) { return x.rows * divide_up(x.features, PIECE); }

OPERATION(estimate, Estimate) {
  const Estimate& x = *operands;
  parallel(tasks(x), x.threads,
           [&](int64_t k) { x.wide ? Estimating<double>(x, k).forward() : Estimating<float>(x, k).forward(); });
  return 0;
}

OPERATION(estimate_backward, Estimate) {
  const Estimate& x = *operands;
  parallel(tasks(x), x.threads,
           [&](int64_t k) { x.wide ? Estimating<double>(x, k).backward() : Estimating<float>(x, k).backward(); });
  return 0;
}
