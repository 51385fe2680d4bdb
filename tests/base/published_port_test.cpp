#include "base/published_port.h"

#include <gtest/gtest.h>

#include <string>
#include <utility>
#include <vector>

namespace cgwarden {
namespace {

PublishedPort port(const char* text) {
  const auto parsed = parse_published_port(text);
  EXPECT_TRUE(parsed) << text;
  return parsed.value_or(PublishedPort{});
}

TEST(PublishedPortTest, EveryForm) {
  EXPECT_EQ(to_string(port("8080:80")), "8080:80/tcp");
  EXPECT_EQ(to_string(port("53:5353/udp")), "53:5353/udp");
  EXPECT_EQ(to_string(port("127.0.0.1:8080:80/tcp")), "127.0.0.1:8080:80/tcp");
  EXPECT_FALSE(port("0.0.0.0:8080:80").host_address);
  EXPECT_EQ(host_side(port("127.0.0.1:8080:80")), "127.0.0.1:8080/tcp");
}

TEST(PublishedPortTest, WhatIsWrongIsSaid) {
  const std::vector<std::pair<const char*, const char*>> cases{
      {"80", "it is not [ADDRESS:]HOST_PORT:PORT[/tcp|/udp]"},
      {"1:2:3:4", "it is not [ADDRESS:]HOST_PORT:PORT[/tcp|/udp]"},
      {"", "it is not [ADDRESS:]HOST_PORT:PORT[/tcp|/udp]"},
      {"80:80/sctp", "the protocol must be tcp or udp"},
      {"80:80/", "the protocol must be tcp or udp"},
      {"host:80:80", "the host's address is not an IPv4 address"},
      {"[::1]:8080:80", "ports are published on IPv4 addresses only, not on IPv6"},
      {"127.0.0.1::80", "a port is a number from 1 to 65535"},
      {"::1:8080:80/udp", "ports are published on IPv4 addresses only, not on IPv6"},
      {"[fe80:0:0:0:0:0:0:1]:53:53", "ports are published on IPv4 addresses only, not on IPv6"},
      {"0:80", "a port is a number from 1 to 65535"},
      {"80:65536", "a port is a number from 1 to 65535"},
      {"80:080", "a port is a number from 1 to 65535"}};
  for (const auto& [text, wrong] : cases) {
    const auto parsed = parse_published_port(text);
    ASSERT_FALSE(parsed) << text;
    EXPECT_EQ(parsed.error(), wrong) << text;
  }
}

TEST(PublishedPortTest, AnyAddressClashesWithEachOne) {
  EXPECT_TRUE(port("8080:80").clashes(port("127.0.0.1:8080:90")));
  EXPECT_TRUE(port("127.0.0.1:8080:80").clashes(port("8080:80")));
  EXPECT_FALSE(port("127.0.0.1:8080:80").clashes(port("127.0.0.2:8080:80")));
  EXPECT_FALSE(port("8080:80").clashes(port("8080:80/udp")));
  EXPECT_FALSE(port("8080:80").clashes(port("8081:80")));
}

}  // namespace
}  // namespace cgwarden
