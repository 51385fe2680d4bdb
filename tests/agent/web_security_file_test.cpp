#include "agent/web_security_file.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <filesystem>
#include <fstream>

#include "tests/temporary_directory.h"

namespace cgwarden::agent {
namespace {

using ::testing::HasSubstr;

class WebSecurityFileTest : public ::testing::Test {
 protected:
  WebSecurityFileTest() : path_(root_ + "/web.yml") {}
  void write(const std::string& text) const { std::ofstream(path_) << text; }

  TemporaryDirectory temporary_;
  const std::string root_ = temporary_.path();
  std::string path_;
};

TEST_F(WebSecurityFileTest, AMissingCertificateIsSaidToBeOfItsLine) {
  write("tls_server_config:\n  key_file: server.key\n  cert_file: /nope\n");
  WebSecurityFile file(path_);
  const auto loaded = file.load();
  ASSERT_FALSE(loaded);
  EXPECT_EQ(loaded.error().kind, ErrorKind::vanished);
  EXPECT_EQ(loaded.error().sentence(), "cannot open /nope, the tls_server_config.cert_file of " +
                                           path_ + ":3:14: No such file or directory");
  // It is looked for again when it comes.
  EXPECT_FALSE(file.changed());
  write("tls_server_config:\n  key_file: server.key\n  cert_file: server.crt\n");
  EXPECT_TRUE(file.changed());
  ASSERT_FALSE(file.load());
  std::ofstream(root_ + "/server.crt") << "PEM";
  EXPECT_TRUE(file.changed());
  EXPECT_THAT(file.load().error().sentence(),
              HasSubstr("server.key, the tls_server_config.key_file of " + path_ + ":2:13: "));
}

TEST_F(WebSecurityFileTest, ADirectoryInItsPlaceIsNamed) {
  write("{}\n");
  WebSecurityFile file(path_);
  ASSERT_TRUE(file.load());
  std::filesystem::remove(path_);
  std::filesystem::create_directory(path_);
  EXPECT_TRUE(file.changed());
  const auto loaded = file.load();
  ASSERT_FALSE(loaded);
  EXPECT_EQ(loaded.error().sentence(), "cannot read " + path_ + ": it is a directory");
  EXPECT_FALSE(file.changed());
}

TEST_F(WebSecurityFileTest, WhatExportersTakeIsTaken) {
  write("");
  WebSecurityFile file(path_);
  const auto empty = file.load();
  ASSERT_TRUE(empty) << empty.error().sentence();
  EXPECT_FALSE(empty->tls);
  EXPECT_TRUE(file.notes().empty());

  write(
      "tls_server_config: {cert: x, key: y, cipher_suites: [TLS_AES_128_GCM_SHA256]}\n"
      "http_server_config: {http2: true}\n"
      "rate_limit: {interval: 500ms, burst: 7}\n");
  const auto full = file.load();
  ASSERT_TRUE(full) << full.error().sentence();
  EXPECT_THAT(full->tls->suites, ::testing::ElementsAre("TLS_AES_128_GCM_SHA256"));
  EXPECT_THAT(full->tls->priority, HasSubstr("%SERVER_PRECEDENCE"));
  ASSERT_TRUE(full->rate_limit);
  EXPECT_EQ(full->rate_limit->interval, Usec{500'000});
  EXPECT_EQ(full->rate_limit->burst, 7U);
  EXPECT_THAT(file.notes(), ::testing::ElementsAre(HasSubstr("speaks HTTP/1.1")));
}

TEST_F(WebSecurityFileTest, AFifoDoesNotHoldTheAgentUp) {
  ASSERT_EQ(::mkfifo(path_.c_str(), 0600), 0);
  const auto loaded = WebSecurityFile(path_).load();
  ASSERT_FALSE(loaded);
  EXPECT_EQ(loaded.error().sentence(), "cannot read " + path_ + ": it is no plain file");
}

}  // namespace
}  // namespace cgwarden::agent
