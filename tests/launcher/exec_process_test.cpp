#include "launcher/oci/exec_process.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace cgwarden::launcher::oci {
namespace {

using testing::Contains;
using testing::ElementsAre;
using testing::IsEmpty;
using testing::Not;

Capabilities with_capability(const Capabilities& before, const std::string& name) {
  Spec spec;
  spec.process.capabilities = before;
  ProcessOptions options;
  options.capabilities = {name};
  EXPECT_TRUE(use_process(spec, options, {"true"}));
  return spec.process.capabilities;
}

TEST(ExecProcess, AnAddedCapabilityGoesToTheCommandAndNotOn) {
  const Capabilities sets = with_capability({}, "SYSLOG");
  EXPECT_THAT(sets.bounding, ElementsAre("CAP_SYSLOG"));
  EXPECT_THAT(sets.effective, ElementsAre("CAP_SYSLOG"));
  EXPECT_THAT(sets.permitted, ElementsAre("CAP_SYSLOG"));
  EXPECT_THAT(sets.inheritable, IsEmpty());
  EXPECT_THAT(sets.ambient, IsEmpty());
}

// A user other than root keeps over execve(2) what is ambient only.
TEST(ExecProcess, AnInheritableOneIsMadeAmbient) {
  Capabilities before;
  before.inheritable = {"CAP_KILL", "CAP_SYSLOG"};
  before.ambient = {"CAP_KILL"};
  EXPECT_THAT(with_capability(before, "CAP_SYSLOG").ambient, ElementsAre("CAP_KILL", "CAP_SYSLOG"));
  EXPECT_THAT(with_capability(before, "CAP_KILL").ambient, ElementsAre("CAP_KILL"));
  EXPECT_THAT(with_capability(before, "CAP_CHOWN").ambient, Not(Contains("CAP_CHOWN")));
}

}  // namespace
}  // namespace cgwarden::launcher::oci
