// Tasks on the threads of the OpenMP runtime that torch has loaded.
#pragma once
#include <stdint.h>

// GOMP_parallel(function, data, threads, flags), which libgomp and LLVM's libomp both have.
typedef void (*ForkJoin)(void (*)(void*), void*, unsigned, unsigned);
extern ForkJoin fork_join;

// body(0) to body(count - 1), each once, on at most `threads` threads.
template <class Body> void parallel(int64_t count, int64_t threads, Body body) {
  struct Shared {
    Body* body;
    int64_t count, next;
  } shared{&body, count, 0};
  auto work = [](void* data) {
    Shared& all = *(Shared*)data;
    for (int64_t k; (k = __atomic_fetch_add(&all.next, 1, __ATOMIC_RELAXED)) < all.count;) (*all.body)(k);
  };
  if (threads > count) threads = count;
  if (threads > 1 && fork_join) fork_join(work, &shared, (unsigned)threads, 0);
  else work(&shared);
}
