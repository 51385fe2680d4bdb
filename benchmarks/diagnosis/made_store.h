#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

#include "diagnosis/store.h"
#include "diagnosis/verdict.h"

namespace cgwarden::benchmarks {

// Those that `why` is asked about: each has as many verdicts as are kept of one name.
inline constexpr const char* kAskedWorkload = "web1";
inline constexpr const char* kAskedUnit = "web.service";
inline constexpr const char* kAskedCgroup = "/system.slice/web.service";

struct MadeStore {
  std::size_t verdicts = 0;
  std::size_t events = 0;
  std::size_t lines = 0;  // of the kernel log
  std::size_t samples = 0;
  std::uint64_t verdict_bytes = 0;  // of store.db
  std::uint64_t bytes = 0;          // of all files
};

// A state directory as an agent leaves it after some days, by the agent's own writers: verdicts,
// events and the kernel log up to what is kept of them, and samples of a hundred cgroups a second
// until it has `bytes` in all. Ends the program when it cannot be written.
[[nodiscard]] MadeStore make_store(const std::string& directory, std::uint64_t bytes);

// As long as a verdict of an OOM kill with the kernel's table of processes is.
[[nodiscard]] diagnosis::Verdict made_verdict(const std::string& name, unsigned incarnation);

}  // namespace cgwarden::benchmarks
