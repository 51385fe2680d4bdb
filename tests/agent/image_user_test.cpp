#include "agent/image_user.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>

namespace cgwarden::agent {
namespace {

const std::string kPasswd =
    "root:x:0:0:root:/root:/bin/sh\n"
    "broken line\n"
    "web:x:101:102:Web:/srv:/bin/false\n"
    "42:x:7:8::/:\n"
    "odd:x:9:nonsense::/:\n";
const std::string kGroup =
    "root:x:0:\n"
    "staff:x:50:web,other\n"
    "web:x:102:web\n"
    "adm:x:4:other\n"
    "log:x:5:other,web\n";

TEST(ImageUserTest, NamesAndNumbers) {
  const auto found = [](const std::string& wanted) {
    auto user = find_user(wanted, kPasswd, kGroup);
    EXPECT_TRUE(user) << user.error().sentence();
    return user.value_or(ImageUser{});
  };
  EXPECT_EQ(found(""), (ImageUser{}));
  EXPECT_EQ(found("root"), (ImageUser{0, 0, {}}));
  EXPECT_EQ(found("web"), (ImageUser{101, 102, {50, 5}}));
  EXPECT_EQ(found("101"), (ImageUser{101, 102, {50, 5}}));
  EXPECT_EQ(found("42"), (ImageUser{7, 8, {}}));  // by name first
  EXPECT_EQ(found("1234"), (ImageUser{1234, 0, {}}));
  EXPECT_EQ(found("1234:5678"), (ImageUser{1234, 5678, {}}));
  EXPECT_EQ(found("web:adm"), (ImageUser{101, 4, {}}));
  EXPECT_EQ(found("web:50"), (ImageUser{101, 50, {}}));
  EXPECT_EQ(found("odd"), (ImageUser{9, 0, {}}));
}

TEST(ImageUserTest, UnknownNamesAreRefused) {
  EXPECT_EQ(
      find_user("nobody", kPasswd, kGroup).error().sentence(),
      "cannot use the image's user nobody: there is no such user in /etc/passwd of the image");
  EXPECT_EQ(find_user("web:nogroup", kPasswd, kGroup).error().sentence(),
            "cannot use the image's user nogroup: there is no such group in /etc/group of the "
            "image");
  EXPECT_FALSE(find_user("4294967295", kPasswd, kGroup));  // "unchanged" for setuid(2)
  EXPECT_FALSE(find_user("-1", kPasswd, kGroup));
  EXPECT_FALSE(find_user("web:", kPasswd, kGroup));
}

class LayersTest : public testing::Test {
 protected:
  LayersTest() {
    directory_ = ::mkdtemp(pattern_.data());
    for (const char* name : {"low", "high"}) {
      std::filesystem::create_directories(directory_ + "/" + name + "/etc");
      layers_.push_back(directory_ + "/" + name);
    }
  }
  ~LayersTest() override { std::filesystem::remove_all(directory_); }
  void write(const std::string& path, const std::string& text) const {
    std::ofstream(directory_ + "/" + path) << text;
  }
  [[nodiscard]] std::string read() const {
    return read_in_layers(layers_, "/etc/passwd").value_or("(error)");
  }
  std::string pattern_ = testing::TempDir() + "cgwarden-layers-XXXXXX";
  std::string directory_;
  std::vector<std::string> layers_;
};

TEST_F(LayersTest, TheHighestHasTheWord) {
  EXPECT_EQ(read(), "");
  write("low/etc/passwd", "low");
  EXPECT_EQ(read(), "low");
  write("high/etc/passwd", "high");
  EXPECT_EQ(read(), "high");
}

TEST_F(LayersTest, WhatIsNoFileHidesWhatIsBelow) {
  write("low/etc/passwd", "low");
  std::filesystem::create_directory(directory_ + "/high/etc/passwd");
  EXPECT_EQ(read(), "");
}

TEST_F(LayersTest, NoLinkLeadsOutOfALayer) {
  write("secret", "secret");
  std::filesystem::create_symlink("../../secret", directory_ + "/high/etc/passwd");
  EXPECT_EQ(read(), "");
  std::filesystem::remove(directory_ + "/high/etc/passwd");
  std::filesystem::create_symlink(directory_ + "/secret", directory_ + "/high/etc/passwd");
  EXPECT_EQ(read(), "");
}

}  // namespace
}  // namespace cgwarden::agent
