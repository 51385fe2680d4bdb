// Tests tell times in UTC, in whatever zone they run.
#include <gtest/gtest.h>

#include <cstdlib>
#include <ctime>

namespace cgwarden::cli {
namespace {

class Utc : public testing::Environment {
 public:
  void SetUp() override {
    ::setenv("TZ", "UTC0", 1);
    ::tzset();
  }
};
[[maybe_unused]] const testing::Environment* const kUtc =
    testing::AddGlobalTestEnvironment(new Utc);

}  // namespace
}  // namespace cgwarden::cli
