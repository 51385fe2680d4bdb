#include <gmock/gmock.h>

#include "launcher/shim.h"

namespace cgwarden::launcher {
namespace {

using testing::HasSubstr;

std::vector<std::string> least() {
  return {"--name",       "web", "--incarnation", "3",  "--spec-fd",     "3",
          "--control-fd", "4",   "--state-dir",   "/s", "--cgroup-root", "/c"};
}

TEST(ShimOptions, TheDescriptorsOfAForegroundRunMayBeMissing) {
  const auto options = parse_shim_options(least());
  ASSERT_TRUE(options) << options.error().sentence();
  EXPECT_EQ(options->stdin_fd, -1);
  EXPECT_EQ(options->stdout_fd, -1);
  EXPECT_EQ(options->stderr_fd, -1);
  EXPECT_EQ(options->console_fd, -1);
}

TEST(ShimOptions, TheDescriptorsOfAForegroundRunAreRead) {
  auto words = least();
  for (const auto* word :
       {"--stdin-fd", "5", "--stdout-fd", "6", "--stderr-fd", "7", "--console-fd", "8",
        "--log-driver", "journal", "--log-max-bytes", "9", "--log-max-files", "10"}) {
    words.emplace_back(word);
  }
  const auto options = parse_shim_options(words);
  ASSERT_TRUE(options) << options.error().sentence();
  EXPECT_EQ(options->stdin_fd, 5);
  EXPECT_EQ(options->stdout_fd, 6);
  EXPECT_EQ(options->stderr_fd, 7);
  EXPECT_EQ(options->console_fd, 8);
  EXPECT_TRUE(options->log.journal);
  EXPECT_EQ(options->log.max_bytes, 9U);
  EXPECT_EQ(options->log.max_files, 10U);
}

TEST(ShimOptions, OthersTwiceAndBadValuesAreRefusedByName) {
  for (const auto& [option, value] : {std::pair{"--stdin-fd", "x"},
                                      {"--name", "web"},
                                      {"--what", "5"},
                                      {"--log-driver", "tape"},
                                      {"--console-fd", "-1"}}) {
    auto words = least();
    words.emplace_back(option);
    words.emplace_back(value);
    const auto options = parse_shim_options(words);
    ASSERT_FALSE(options) << option;
    if (std::string(option) != "--what") {
      EXPECT_THAT(options.error().sentence(), HasSubstr(option));
    }
  }
}

}  // namespace
}  // namespace cgwarden::launcher
