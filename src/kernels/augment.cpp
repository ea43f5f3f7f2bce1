// Events as a scaled and shifted image shows them, on one thread: workers that load data are processes already.
#include <math.h>

#include "spikescan.h"

// Output bin p of a row shows source bin floor((p - shift - c) / factor + c + 1/2), c = (size - 1) / 2.
OPERATION(targets, Targets) {
  const Targets& x = *operands;
  for (int64_t i = 0; i < x.rows; ++i) {
    const int64_t origin = x.start[i], size = x.start[i + 1] - origin;
    const double centre = (double)(size - 1) / 2;
    int64_t place = 0;
    for (int64_t n = 0; n < size; ++n) x.number[origin + n] = 0;
    for (int64_t p = 0; p < size; ++p) {
      const double source = floor(((double)(p - x.shift[i]) - centre) / x.factor[i] + centre + 0.5);
      if (source < 0) ++place;
      else if (source < (double)size) ++x.number[origin + (int64_t)source];
    }
    // Sources rise along the outputs; those before the first bin come first.
    for (int64_t n = origin; n < origin + size; ++n) {
      x.first[n] = place;
      place += x.number[n];
    }
  }
  return 0;
}

// How many copies there are; or why an event is refused: 1, no such sample; 2, no such step; 3, no such channel.
OPERATION(count_copies, Copies) {
  const Copies& x = *operands;
  int64_t total = 0;
  for (int64_t e = 0; e < x.events; ++e) {
    const uint64_t step = x.step[e], row = x.row[e], channel = x.channel[e];  // what is negative is too large
    if (row >= (uint64_t)x.rows) return 1;
    const int64_t time = x.time_start[row], across = x.channel_start[row];
    if (step >= (uint64_t)(x.time_start[row + 1] - time)) return 2;
    if (channel >= (uint64_t)(x.channel_start[row + 1] - across)) return 3;
    total += x.time_number[time + (int64_t)step] * x.channel_number[across + (int64_t)channel];
  }
  *x.total = total;
  return 0;
}

// The processor does not guess well how many copies an event has. So four are always written, and those of the next
// event overwrite what is too much of them; only where there may be more is there a branch.
OPERATION(copies, Copies) {
  const Copies& x = *operands;
  int32_t *steps = x.out, *rows = steps + *x.total + 4, *channels = rows + *x.total + 4;
  int64_t place = 0;
  auto put = [&](int64_t at, int64_t step, int64_t row, int64_t channel) {
    steps[at] = (int32_t)step, rows[at] = (int32_t)row, channels[at] = (int32_t)channel;
  };
  for (int64_t e = 0; e < x.events; ++e) {
    const int64_t row = x.row[e], time = x.time_start[row] + x.step[e], across = x.channel_start[row] + x.channel[e];
    const int64_t t = x.time_first[time], c = x.channel_first[across];
    const int64_t later = x.time_number[time], further = x.channel_number[across];
    if (later <= 2 && further <= 2) {
      const int64_t both = further == 2;
      put(place, t, row, c);
      put(place + 1, t + 1 - both, row, c + both);
      put(place + 2, t + 1, row, c);
      put(place + 3, t + 1, row, c + 1);
      place += later * further;
    } else {
      for (int64_t when = t; when < t + later; ++when)
        for (int64_t where = c; where < c + further; ++where) put(place++, when, row, where);
    }
  }
  return 0;
}
