#include "launcher/oci/failure.h"

#include <gtest/gtest.h>

#include <cerrno>

namespace cgwarden::launcher::oci {
namespace {

TEST(Failure, SaysErrnoAsTheCallersOfRuntimesReadIt) {
  EXPECT_EQ(Failure(LaunchError{"exec", EACCES, "/x is a directory"}).text,
            "cannot start: exec: /x is a directory: permission denied");
  EXPECT_EQ(Failure(LaunchError{"exec", ENOENT, "/y"}).text,
            "cannot start: exec: /y: no such file or directory");
  EXPECT_EQ(Failure(LaunchError{"mount", 0, "Refused"}).text, "cannot start: mount: Refused");
}

}  // namespace
}  // namespace cgwarden::launcher::oci
