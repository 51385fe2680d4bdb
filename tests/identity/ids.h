#pragma once

#include <string>

namespace cgwarden::identity {

// Two container ids.
inline const std::string kId(64, 'a');
inline const std::string kOther(64, 'b');

}  // namespace cgwarden::identity
