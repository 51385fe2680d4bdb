#include "launcher/oci/failure.h"

#include <cctype>
#include <cstring>

namespace cgwarden::launcher::oci {

Failure::Failure(const LaunchError& error) : text(error.sentence()) {
  if (error.errno_value == 0) return;
  const std::size_t words = std::strlen(std::strerror(error.errno_value));
  char& first = text[text.size() - words];
  first = static_cast<char>(std::tolower(static_cast<unsigned char>(first)));
}

}  // namespace cgwarden::launcher::oci
