#pragma once

#include <string>
#include <string_view>

namespace cgwarden::exporters {

// The content of one whole gzip member; "" when it is not one.
std::string gunzip(std::string_view compressed);

}  // namespace cgwarden::exporters
