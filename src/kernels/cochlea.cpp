// The artificial cochlea: a task is a block of channels for all steps.
#include "cochlea.h"

#include "parallel.h"

OPERATION(cochlea, Cochlea) {
  const Cochlea& x = *operands;
  parallel(x.lanes / BLOCK, x.threads, [&](int64_t block) {
    alignas(LINE) float draws[TILE * BLOCK];
    const int64_t lane = block * BLOCK;
    float* scratch = x.scratch + block * 2 * TILE * BLOCK;
    const Output velocity{scratch, BLOCK}, probability{scratch + TILE * BLOCK, BLOCK};
    int64_t found = 0;
    for (int64_t begin = 0; begin < x.steps; begin += TILE) {
      const int64_t steps = smaller(TILE, x.steps - begin), at = begin * x.lanes + lane;
      Output kept = x.probabilities ? Output{x.probabilities + at, x.lanes} : probability;
      Input given{kept.at, kept.stride};
      if (x.sound) membrane(x, x.sound + 2 * begin, lane, steps, velocity);
      if (x.probability) given = {x.probability + at, x.lanes};
      else hair_cells(x, x.sound ? Input{velocity.at, BLOCK} : Input{x.velocity + at, x.lanes}, lane, steps, kept);
      if (!x.spikes) continue;
      draw_tile(draws, (uint64_t)x.seed, (uint64_t)(x.first + lane), (uint64_t)(x.step + begin), steps);
      found += bushy_cells(x, given, draws, lane, begin, steps, x.spikes + block * x.capacity + found);
    }
    if (x.spikes) x.counts[block] = found;
  });
  return 0;
}

OPERATION(resample, Resample) {
  using Sixteen = Pack<float, 16 / WIDTH<float>>;
  const Resample& x = *operands;
  for (int64_t n = 0; n < x.outputs; ++n) {
    const float *samples = x.samples + x.start[n], *filter = x.filter + x.phase[n] * x.taps;
    Sixteen sum = all<Sixteen>(0);
    for (int64_t k = 0; k < x.taps; k += Sixteen::lanes)
      sum = sum + load<Sixteen>(samples + k) * load<Sixteen>(filter + k);
    float lanes[Sixteen::lanes];
    store(lanes, sum);
    for (int width = 8; width; width /= 2)
      for (int k = 0; k < width; ++k) lanes[k] += lanes[k + width];
    x.out[n] = lanes[0];
  }
  return 0;
}

// The real part of a transform whose bins are Y[k] is the transform of (Y[k] + conj Y[-k]) / 2.
OPERATION(spectra, Spectra) {
  const Spectra& x = *operands;
  parallel(x.channels, x.threads, [&](int64_t channel) {
    const float* table = x.table + channel * x.points * 2;
    const int64_t end = x.ends[channel], half = x.bins / 2 + 1;
    auto add = [&](int64_t bin, float sign, float* out) {
      if (bin >= end) return;
      const float *points = table + 2 * x.first[bin], *weight = x.weight + bin * x.taps, *sound = x.sound + 2 * bin;
      float re = 0, im = 0;
      for (int64_t j = 0; j < x.taps; ++j) re += weight[j] * points[2 * j], im += weight[j] * points[2 * j + 1];
      out[0] += 0.5f * (re * sound[0] - im * sound[1]);
      out[1] += 0.5f * sign * (re * sound[1] + im * sound[0]);
    };
    float* out = x.out + channel * half * 2;
    for (int64_t bin = 0; bin < half; ++bin, out += 2) {
      out[0] = out[1] = 0;
      add(bin, 1, out);
      add(bin ? x.bins - bin : 0, -1, out);
    }
  });
  return 0;
}
