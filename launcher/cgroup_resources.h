#pragma once

#include <string>
#include <vector>

#include "launcher/launch_step.h"
#include "launcher/spec.h"

namespace cgwarden::launcher {

// One write to a cgroup v2 control file; a value of several lines is one write for each line.
struct ControlWrite {
  std::string file;   // "memory.max"
  std::string value;  // "67108864"
  // io.weight only: for io.bfq.weight (1 to 1000), which is written instead where it exists.
  std::string bfq_value = {};
};

// linux.resources as control files of cgroup v2, by the rules of OCI runtime-spec 1.2
// config-linux.md and the conversions of the field: shares 2..262144 -> cpu.weight 1..10000 by
// ceil(10^((L^2+125L)/612 - 7/34)), L = log2(shares); swap (memory and swap together) ->
// memory.swap.max = swap - limit, a difference of 0 meaning no swap; blockIO.weight 10..1000 ->
// io.weight; unified last, in place of what another property wrote to the same file. As in runc, 0
// is "not set" for memory.limit, memory.swap, cpu.shares, cpu.quota and blockIO.weight, and no
// limit for pids.limit and the throttle rates. Stage "resources", naming the property and its
// range, for a value the kernel could not take. Order: as listed here; the writer sorts out what
// has to come first (control_writer.h).
[[nodiscard]] StepResult<std::vector<ControlWrite>> control_writes(const Resources& resources);

// The controllers that the files belong to, each once: "memory", "cpu", ...
[[nodiscard]] std::vector<std::string> needed_controllers(const std::vector<ControlWrite>& writes);

}  // namespace cgwarden::launcher
