#pragma once

#include <cstddef>
#include <iterator>
#include <memory>
#include <utility>
#include <vector>

#include "cgroup/samples.h"

namespace cgwarden::cgroup {

// A list of Samples to read, each of which may be shared with other lists.
class SampleList {
 public:
  using Shared = std::shared_ptr<const Sample>;

  class Iterator {
   public:
    using iterator_category = std::bidirectional_iterator_tag;
    using value_type = Sample;
    using difference_type = std::ptrdiff_t;
    using pointer = const Sample*;
    using reference = const Sample&;

    Iterator() = default;
    explicit Iterator(const Shared* at) : at_(at) {}
    reference operator*() const { return **at_; }
    pointer operator->() const { return at_->get(); }
    Iterator& operator++() {
      ++at_;
      return *this;
    }
    Iterator operator++(int) { return Iterator(at_++); }
    Iterator& operator--() {
      --at_;
      return *this;
    }
    Iterator operator--(int) { return Iterator(at_--); }
    bool operator==(const Iterator&) const = default;

   private:
    const Shared* at_ = nullptr;
  };
  using const_iterator = Iterator;
  using value_type = Sample;

  SampleList() = default;
  // None is a nullptr.
  explicit SampleList(std::vector<Shared> samples) : samples_(std::move(samples)) {}
  explicit SampleList(std::vector<Sample> samples) {
    samples_.reserve(samples.size());
    for (Sample& sample : samples) {
      samples_.push_back(std::make_shared<const Sample>(std::move(sample)));
    }
  }

  [[nodiscard]] Iterator begin() const { return Iterator(samples_.data()); }
  [[nodiscard]] Iterator end() const { return Iterator(samples_.data() + samples_.size()); }
  [[nodiscard]] auto rbegin() const { return std::reverse_iterator(end()); }
  [[nodiscard]] auto rend() const { return std::reverse_iterator(begin()); }
  [[nodiscard]] std::size_t size() const { return samples_.size(); }
  [[nodiscard]] bool empty() const { return samples_.empty(); }
  [[nodiscard]] const Sample& operator[](std::size_t at) const { return *samples_[at]; }

  [[nodiscard]] const std::vector<Shared>& shared() const { return samples_; }

 private:
  std::vector<Shared> samples_;
};

}  // namespace cgwarden::cgroup
