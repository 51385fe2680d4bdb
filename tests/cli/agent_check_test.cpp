// `cgwarden agent --check`: the configuration files are judged, and nothing runs.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "tests/cli/command.h"

namespace cgwarden::cli {
namespace {

using testing::HasSubstr;

class AgentCheck : public testing::Test {
 protected:
  AgentCheck() {
    std::string name = (std::filesystem::temp_directory_path() / "cgwarden-XXXXXX").string();
    directory_ = ::mkdtemp(name.data());
  }
  ~AgentCheck() override { std::filesystem::remove_all(directory_); }
  std::string write(const std::string& name, const std::string& text) {
    const auto path = directory_ / name;
    std::ofstream(path) << text;
    return path.string();
  }
  Outcome check(const std::string& text) {
    return cgwarden({"agent", "--check", "--config", write("agent.yaml", text)});
  }

 private:
  std::filesystem::path directory_;
};

TEST_F(AgentCheck, AGoodFile) {
  const Outcome good = check("apiVersion: cgwarden/v1\nkind: Agent\nlisten: []\n");
  EXPECT_EQ(good.exit_code, 0) << good.err;
  EXPECT_EQ(good.out, "the configuration is good\n");
}

TEST_F(AgentCheck, AFaultIsShownWhereItStands) {
  const Outcome bad = check("apiVersion: cgwarden/v1\nkind: Agent\nintervals: {tick: 2}\n");
  EXPECT_EQ(bad.exit_code, 1);
  EXPECT_THAT(bad.err, HasSubstr("agent.yaml:3:19: error: intervals.tick cannot be \"2\""));
}

// Other exporters of the fleet speak HTTP/2 by the same file.
TEST_F(AgentCheck, WhatIsTakenOtherwiseIsSaid) {
  write("web.yml", "http_server_config: {http2: true}\n");
  const Outcome good = check("apiVersion: cgwarden/v1\nkind: Agent\nweb: {config: web.yml}\n");
  EXPECT_EQ(good.exit_code, 0) << good.err;
  EXPECT_THAT(good.out, HasSubstr("note: http2 is asked for: the endpoint speaks HTTP/1.1"));
  EXPECT_THAT(good.out, testing::EndsWith("the configuration is good\n"));
}

TEST_F(AgentCheck, ANamedFileMustBeThere) {
  const Outcome missing = cgwarden({"agent", "--check", "--config", "/nonexistent/agent.yaml"});
  EXPECT_EQ(missing.exit_code, 1);
  EXPECT_THAT(missing.err, HasSubstr("/nonexistent/agent.yaml"));
}

TEST_F(AgentCheck, TheWebConfigurationIsJudgedToo) {
  const std::string agent = "apiVersion: cgwarden/v1\nkind: Agent\nweb: {config: web.yml}\n";
  const Outcome missing = check(agent);
  EXPECT_EQ(missing.exit_code, 1);
  EXPECT_THAT(missing.err, HasSubstr("web.yml"));

  write("web.yml", "basic_auth_users: {prometheus: hunter2}\n");
  const Outcome bad = check(agent);
  EXPECT_EQ(bad.exit_code, 1);
  EXPECT_THAT(bad.err, HasSubstr("web.yml:1:32: error: basic_auth_users.prometheus is not a"));
  EXPECT_THAT(bad.err, testing::Not(HasSubstr("hunter2")));

  write("web.yml", "tls_server_config: {cert_file: a.crt, key_file: a.key}\n");
  EXPECT_THAT(check(agent).err, HasSubstr("a.crt"));
  write("a.crt", "no certificate\n");
  write("a.key", "no key\n");
  EXPECT_THAT(check(agent).err, HasSubstr("cannot use the certificate and key"));

  write("web.yml", "http_server_config: {headers: {X-Frame-Options: deny}}\n");
  EXPECT_EQ(check(agent).exit_code, 0);
}

TEST_F(AgentCheck, OptionsMayBeRepeatedOrEmpty) {
  const std::string file = write("agent.yaml", "apiVersion: cgwarden/v1\nkind: Agent\n");
  for (const auto& words : std::vector<std::vector<std::string>>{
           {"--listen", ":1", "--listen", "unix:/run/x"}, {"--listen", ""}}) {
    std::vector<std::string> command{"agent", "--check", "--config", file};
    command.insert(command.end(), words.begin(), words.end());
    EXPECT_EQ(cgwarden(command).exit_code, 0) << cgwarden(command).err;
  }
}

TEST_F(AgentCheck, AnotherKindSaysWhatChecksIt) {
  const std::string file = write("agent.yaml", "apiVersion: cgwarden/v1\nkind: Agent\n");
  EXPECT_THAT(cgwarden({"policy", "check", file}).err,
              HasSubstr("cgwarden agent --check --config FILE"));
}

}  // namespace
}  // namespace cgwarden::cli
