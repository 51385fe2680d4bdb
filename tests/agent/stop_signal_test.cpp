#include "agent/stop_signal.h"

#include <gmock/gmock.h>

#include <csignal>

namespace cgwarden::agent {
namespace {

using testing::HasSubstr;

TEST(StopSignal, TheWorkloadsOwnComesFirst) {
  policy::Workload workload;
  EXPECT_EQ(stop_signal(workload, "", testing::TempDir()), SIGTERM);
  workload.stop_signal = "SIGUSR1";
  EXPECT_EQ(stop_signal(workload, "sha256:none", testing::TempDir()), SIGUSR1);
}

TEST(StopSignal, AnImageThatCannotBeReadIsLogged) {
  policy::Workload workload;
  workload.name = "web";
  testing::internal::CaptureStderr();
  EXPECT_EQ(stop_signal(workload, "sha256:none", testing::TempDir() + "no-such-store"), SIGTERM);
  const std::string log = testing::internal::GetCapturedStderr();
  EXPECT_THAT(log, HasSubstr("stop_signal_unknown workload=web image=sha256:none signal=SIGTERM"));
}

}  // namespace
}  // namespace cgwarden::agent
