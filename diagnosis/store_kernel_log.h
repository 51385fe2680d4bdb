#pragma once

#include <cstdint>
#include <limits>

#include "base/result.h"
#include "base/units.h"
#include "diagnosis/sqlite.h"
#include "diagnosis/stored_kernel_log.h"

// The tables kmsg and kmsg_gap of store.db, for the store's two sides. `boot` is a number of the
// table boot. Transactions are the caller's.
namespace cgwarden::diagnosis {

inline constexpr Usec kEndOfTime{
    static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max())};

[[nodiscard]] Status append_kernel_log(const Database& database, std::int64_t boot,
                                       const StoredKernelLog& log);
// Down to limits::kStoredKernelLog..., by age counted from `newest` (wall clock).
[[nodiscard]] Status prune_kernel_log(const Database& database, Usec newest);
// Between two moments of the wall clock, both included, oldest first.
[[nodiscard]] Result<StoredKernelLog> read_kernel_log(const Database& database, std::int64_t boot,
                                                      Usec since, Usec until);

}  // namespace cgwarden::diagnosis
