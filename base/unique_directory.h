#pragma once

#include <dirent.h>

#include <memory>

#include "base/unique_fd.h"

namespace cgwarden {

struct CloseDirectory {
  void operator()(DIR* directory) const { ::closedir(directory); }
};

// Owns an open directory stream of opendir(3).
using UniqueDirectory = std::unique_ptr<DIR, CloseDirectory>;

// fdopendir(3): the stream takes the descriptor over. Null, with errno, when it cannot.
[[nodiscard]] inline UniqueDirectory open_directory_stream(UniqueFd fd) {
  UniqueDirectory stream(::fdopendir(fd.get()));
  if (stream) static_cast<void>(fd.release());
  return stream;
}

}  // namespace cgwarden
