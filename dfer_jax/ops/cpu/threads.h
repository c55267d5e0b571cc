// Work shared among the threads that XLA lends to the functions it calls.

#ifndef DFER_JAX_OPS_CPU_THREADS_H_
#define DFER_JAX_OPS_CPU_THREADS_H_

#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <utility>
#include <vector>

#include "xla/ffi/api/ffi.h"

namespace ffi = xla::ffi;

namespace threads {

// Runs `work(0)` to `work(number - 1)` on the caller and on whichever threads of the pool are free,
// and returns when all are done. A thread that comes late finds nothing left, so that nobody waits
// for a task that has not begun: the caller may itself be a thread of the pool.
class Share {
 public:
  Share(int64_t number, std::function<void(int64_t)> work)
      : number_(number), work_(std::move(work)) {}

  static void Run(ffi::ThreadPool& pool, int64_t number, std::function<void(int64_t)> work) {
    auto share = std::make_shared<Share>(number, std::move(work));
    const int64_t helpers = std::min(pool.num_threads(), number) - 1;
    for (int64_t i = 0; i < helpers; i++) pool.Schedule([share] { share->Help(); });
    share->Help();
    std::unique_lock<std::mutex> lock(share->mutex_);
    share->all_done_.wait(lock, [&] { return share->done_ == number; });
  }

 private:
  void Help() {
    int64_t done = 0;
    for (int64_t i; (i = next_++) < number_; done++) work_(i);
    if (done == 0) return;
    std::lock_guard<std::mutex> lock(mutex_);
    done_ += done;
    if (done_ == number_) all_done_.notify_all();
  }

  const int64_t number_;
  const std::function<void(int64_t)> work_;
  std::atomic<int64_t> next_{0};
  int64_t done_ = 0;
  std::mutex mutex_;
  std::condition_variable all_done_;
};

// What a thread computes with in between, kept for its next call.
inline float* Workspace(int64_t size) {
  thread_local std::vector<float> kept;
  if (static_cast<int64_t>(kept.size()) < size) kept.resize(size);
  return kept.data();
}

// Adds what parts of the work found, for each two rows of `channels` numbers, in double and always in
// the same order, so that the number of threads changes nothing.
inline void AddParts(const float* found, int64_t parts, int64_t channels, float* first,
                     float* second) {
  for (int64_t c = 0; c < channels; c++) {
    double one = 0, other = 0;
    for (int64_t part = 0; part < parts; part++) {
      one += found[2 * part * channels + c];
      other += found[(2 * part + 1) * channels + c];
    }
    first[c] = one;
    second[c] = other;
  }
}

}  // namespace threads

#endif  // DFER_JAX_OPS_CPU_THREADS_H_
