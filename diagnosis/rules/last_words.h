#pragma once

#include "diagnosis/death_case.h"
#include "diagnosis/verdict.h"

namespace cgwarden::diagnosis::rules {

// Limits that leave no trace in the kernel (RLIMIT_NOFILE, RLIMIT_AS, a full disk): what the last
// words hint at, and, where the shim has looked, what it saw of them beside it. Never more than
// "likely"; where the two do not agree both are said.
void add_last_words(const DeathCase& death, Verdict& verdict);

}  // namespace cgwarden::diagnosis::rules
