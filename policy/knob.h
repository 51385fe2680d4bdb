#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "cgroup/samples.h"
#include "policy/resources.h"

namespace cgwarden::policy {

// A value of a control file.
struct KnobValue {
  std::string text;          // as the kernel prints it
  std::uint64_t amount = 0;  // for "is this more?"; "max" is the most. Of cpu.max: the quota
};

// A control file that a policy may set, and its member in Resources and Sample.
struct Knob {
  std::string_view file;
  std::string_view controller;  // empty: of every cgroup (cgroup.freeze)
  std::optional<KnobValue> (*wanted)(const Resources&);
  // Absent when the file is, or could not be read.
  std::optional<KnobValue> (*current)(const cgroup::Sample&);
  // The export group with which alone it is read (cgroup/file_group.h); empty: it always is.
  std::string_view group{};
};

// Each knob once.
[[nodiscard]] std::span<const Knob> knobs();

}  // namespace cgwarden::policy
