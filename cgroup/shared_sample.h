#pragma once

#include <memory>
#include <utility>

#include "cgroup/samples.h"

namespace cgwarden::cgroup {

// The last values of one cgroup, which snapshots share until they change: the first change after
// share() makes another Sample, so that nobody who reads an earlier one sees it. One thread, but
// what share() gave may be read and dropped on any.
class SharedSample {
 public:
  SharedSample() : SharedSample(Sample{}) {}
  explicit SharedSample(Sample sample) : sample_(std::make_shared<Sample>(std::move(sample))) {}

  [[nodiscard]] const Sample& operator*() const { return *sample_; }
  [[nodiscard]] const Sample* operator->() const { return sample_.get(); }

  // To write to; valid until share().
  [[nodiscard]] Sample& change() {
    // Not by use_count(): it says nothing of what other threads have done with it.
    if (std::exchange(shared_, false)) sample_ = std::make_shared<Sample>(*sample_);
    return *sample_;
  }
  [[nodiscard]] std::shared_ptr<const Sample> share() {
    shared_ = true;
    return sample_;
  }

 private:
  std::shared_ptr<Sample> sample_;
  bool shared_ = false;
};

}  // namespace cgwarden::cgroup
