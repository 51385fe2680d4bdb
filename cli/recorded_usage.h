#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "diagnosis/recording/recording.h"
#include "policy/simulation/demand.h"

namespace cgwarden::cli {

// Recorded samples of cgroups as what a simulation wants. Pure.
//
//   RecordedUsage usage;
//   recording.each(range, RecordedUsage::fields(), wanted,
//                  [&](auto& cgroup, auto& piece) { return usage.add(cgroup, piece); });
class RecordedUsage {
 public:
  [[nodiscard]] static const std::vector<std::string>& fields();
  // Pieces of one life must come in the order of time. false: there are kSimulatedSamples, and this
  // piece was not taken.
  bool add(const diagnosis::RecordedCgroup& cgroup, const diagnosis::Series& piece);

  [[nodiscard]] const std::vector<policy::simulation::UsageSample>& samples() const {
    return samples_;
  }
  // The newest in force; absent: cpu.max was not recorded.
  [[nodiscard]] const std::optional<policy::simulation::CpuSetting>& setting() const {
    return setting_;
  }
  [[nodiscard]] bool full() const { return full_; }

  // What the counters say of the whole time. Absent: the cpu controller was not enabled.
  struct Counted {
    std::uint64_t periods = 0;
    std::uint64_t throttled = 0;
    Usec throttled_time{0};
  };
  [[nodiscard]] const std::optional<Counted>& counted() const { return counted_; }
  [[nodiscard]] Usec length() const { return length_; }
  [[nodiscard]] Usec used() const { return used_; }

 private:
  struct Point {
    Usec time{0};
    std::vector<std::optional<std::uint64_t>> values;  // by fields()
  };
  void add_pair(const Point& before, const Point& after);
  void take_setting(const Point& point, policy::simulation::UsageSample& sample);

  std::string life_;
  std::optional<Point> previous_;
  std::vector<policy::simulation::UsageSample> samples_;
  std::optional<policy::simulation::CpuSetting> setting_;
  std::optional<Counted> counted_;
  Usec length_{0};
  Usec used_{0};
  bool full_ = false;
};

}  // namespace cgwarden::cli
