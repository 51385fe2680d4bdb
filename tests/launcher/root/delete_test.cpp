#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

#include "tests/launcher/root/hostile.h"

namespace cgwarden::launcher {
namespace {

// delete --force always works: also when others do the same at the same time.
TEST(Delete, ForcedByManyAtOnce) {
  for (int round = 0; round < 5; ++round) {
    const Rootfs rootfs;
    const OciContainer container(shell_spec(rootfs, "exec sleep 1000"));
    std::vector<std::string> words = container.exec_words({}, {});
    words.resize(3);  // the program and its --root
    words.insert(words.end(), {"delete", "--force", "attacked"});
    std::vector<std::unique_ptr<Running>> all;
    for (int i = 0; i < 6; ++i) all.push_back(std::make_unique<Running>(words));
    for (const auto& one : all) {
      const auto said = one->wait();
      EXPECT_EQ(said.exit_code, 0) << said.output;
    }
  }
}

}  // namespace
}  // namespace cgwarden::launcher
