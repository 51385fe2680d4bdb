#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "base/result.h"
#include "diagnosis/sqlite.h"
#include "diagnosis/store.h"

// The tables boot and running of store.db. Transactions are the caller's.
namespace cgwarden::diagnosis {

// Its number; a boot that is known keeps it.
[[nodiscard]] Result<std::int64_t> put_boot(const Database& database, const std::string& boot_id,
                                            Usec wall);
// Of boots other than this one.
[[nodiscard]] Result<std::vector<EarlierBoot>> read_unfinished_boots(const Database& database,
                                                                     std::int64_t boot);
[[nodiscard]] Status remove_running_of_others(const Database& database, std::int64_t boot);
[[nodiscard]] Status replace_running(const Database& database, std::int64_t boot,
                                     std::span<const RunningWorkload> running, Usec wall,
                                     bool stopped);

}  // namespace cgwarden::diagnosis
