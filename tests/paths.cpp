#include "tests/paths.h"

namespace cgwarden {

std::string in_source(std::string_view name) { return SOURCE_DIRECTORY "/" + std::string(name); }

std::string in_build(std::string_view name) { return BUILD_DIRECTORY "/" + std::string(name); }

}  // namespace cgwarden
