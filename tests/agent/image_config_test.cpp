#include "agent/image_config.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace cgwarden::agent {
namespace {

using testing::ElementsAre;
using testing::Pair;

ImageConfig config_of(const std::string& members) {
  auto parsed = parse_image_config("{\"config\": {" + members + "}}", "image");
  EXPECT_TRUE(parsed) << parsed.error().sentence();
  return parsed.value_or(ImageConfig{});
}

TEST(ImageConfigTest, EveryMemberThatMatters) {
  const ImageConfig config = config_of(
      R"("Entrypoint": ["/bin/server"], "Cmd": ["--port", "80"], "Env": ["A=1", "B=x=y"],
         "WorkingDir": "/srv", "User": "web:staff", "StopSignal": "SIGQUIT",
         "ExposedPorts": {"80/tcp": {}}, "Healthcheck": 5)");
  EXPECT_THAT(config.entrypoint, ElementsAre("/bin/server"));
  EXPECT_THAT(config.command, ElementsAre("--port", "80"));
  EXPECT_THAT(config.env, ElementsAre("A=1", "B=x=y"));
  EXPECT_EQ(config.working_dir, "/srv");
  EXPECT_EQ(config.user, "web:staff");
  EXPECT_EQ(config.stop_signal, "SIGQUIT");
}

TEST(ImageConfigTest, NullAndAbsentAreEmpty) {
  EXPECT_TRUE(config_of(R"("Entrypoint": null, "Cmd": null, "User": null)").command.empty());
  EXPECT_TRUE(parse_image_config("{}", "image"));
  EXPECT_TRUE(parse_image_config("{\"config\": null}", "image"));
}

TEST(ImageConfigTest, WrongTypesAreNamed) {
  for (const auto& [text, named] :
       {std::pair{R"({"config": {"Cmd": "sh"}})", "config.Cmd"},
        {R"({"config": {"Entrypoint": [1]}})", "config.Entrypoint"},
        {R"({"config": {"Env": {"A": "1"}}})", "config.Env"},
        {R"({"config": {"User": 0}})", "config.User"},
        {R"({"config": {"WorkingDir": "/a\u0000b"}})", "config.WorkingDir"},
        {R"({"config": []})", "config is not"},
        {"[]", "configuration of an image"},
        {"{", "configuration of an image"}}) {
    const auto parsed = parse_image_config(text, "image");
    ASSERT_FALSE(parsed) << text;
    EXPECT_EQ(parsed.error().kind, ErrorKind::malformed);
    EXPECT_THAT(parsed.error().sentence(), testing::HasSubstr(named));
  }
}

TEST(ImageConfigTest, TheWorkloadsOwnWordsWin) {
  const ImageConfig config = config_of(
      R"("Entrypoint": ["/bin/server"], "Cmd": ["-v"], "Env": ["A=1", "B=2", "=x", "none"],
         "WorkingDir": "/srv", "StopSignal": "SIGQUIT")");
  policy::Workload open;
  ASSERT_TRUE(apply_image_config(config, open));
  EXPECT_THAT(open.command, ElementsAre("/bin/server", "-v"));
  EXPECT_THAT(open.env, ElementsAre(Pair("A", "1"), Pair("B", "2")));
  EXPECT_EQ(open.cwd, "/srv");
  EXPECT_EQ(open.stop_signal, "SIGQUIT");

  policy::Workload with_args;
  with_args.args = {"-q", "x"};
  ASSERT_TRUE(apply_image_config(config, with_args));
  EXPECT_THAT(with_args.command, ElementsAre("/bin/server", "-q", "x"));

  policy::Workload own;
  own.command = {"/bin/sh"};
  own.env = {{"B", "mine"}};
  own.cwd = "/";
  own.has_cwd = true;
  own.stop_signal = "SIGINT";
  ASSERT_TRUE(apply_image_config(config, own));
  EXPECT_THAT(own.command, ElementsAre("/bin/sh"));
  EXPECT_THAT(own.env, ElementsAre(Pair("A", "1"), Pair("B", "mine")));
  EXPECT_EQ(own.cwd, "/");
  EXPECT_EQ(own.stop_signal, "SIGINT");
}

TEST(ImageConfigTest, WithoutAnyCommandItCannotRun) {
  policy::Workload workload;
  workload.image = "web";
  const Status applied = apply_image_config(ImageConfig{}, workload);
  ASSERT_FALSE(applied);
  EXPECT_EQ(applied.error().sentence(),
            "cannot use the image web: it names no command to run; give one with command");
}

}  // namespace
}  // namespace cgwarden::agent
