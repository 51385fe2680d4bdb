#pragma once

#include <initializer_list>
#include <string>
#include <string_view>

#include "base/result.h"

namespace cgwarden::exporters {

// The pieces, one after the other, as one gzip member (RFC 1952) of level 1: the page shrinks to an
// eighth, and higher levels cost three times the CPU for little more. io: out of memory.
[[nodiscard]] Result<std::string> gzip(std::initializer_list<std::string_view> pieces);

}  // namespace cgwarden::exporters
