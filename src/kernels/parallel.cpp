#include "parallel.h"

#include "spikescan.h"

ForkJoin fork_join = nullptr;

// NULL: every kernel runs on the thread that calls it.
EXPORT void spikescan_use_openmp(ForkJoin runtime) { fork_join = runtime; }
