#include "base/listen_address.h"

#include <arpa/inet.h>
#include <gmock/gmock.h>

#include <cstring>

namespace cgwarden {
namespace {

TEST(ListenAddress, TakesTheFourForms) {
  const auto v4 = parse_listen_address("127.0.0.1:9753");
  ASSERT_TRUE(v4);
  ASSERT_TRUE(std::holds_alternative<ListenIpv4>(*v4));
  EXPECT_EQ(std::get<ListenIpv4>(*v4).host.s_addr, htonl(INADDR_LOOPBACK));
  EXPECT_EQ(std::get<ListenIpv4>(*v4).port, 9753);

  const auto v6 = parse_listen_address("[::1]:0");
  ASSERT_TRUE(v6);
  ASSERT_TRUE(std::holds_alternative<ListenIpv6>(*v6));
  EXPECT_EQ(std::memcmp(&std::get<ListenIpv6>(*v6).host, &in6addr_loopback, sizeof(in6_addr)), 0);

  const auto any = parse_listen_address(":65535");
  ASSERT_TRUE(any);
  ASSERT_TRUE(std::holds_alternative<ListenAny>(*any));
  EXPECT_EQ(std::get<ListenAny>(*any).port, 65535);

  const auto local = parse_listen_address("unix:/run/cgwarden/metrics.sock");
  ASSERT_TRUE(local);
  ASSERT_TRUE(std::holds_alternative<ListenUnix>(*local));
  EXPECT_EQ(std::get<ListenUnix>(*local).path, "/run/cgwarden/metrics.sock");
}

TEST(ListenAddress, RefusesEverythingElse) {
  for (const std::string text : {"",
                                 "9753",
                                 "localhost:9753",
                                 "127.0.0.1",
                                 "127.0.0.1:",
                                 "127.0.0.1:65536",
                                 "127.0.0.1:-1",
                                 "127.0.0.1:+1",
                                 "127.0.0.1: 1",
                                 "127.0.0.1:80x",
                                 "127.1:80",
                                 "1.2.3.4.5:1",
                                 "::1:80",
                                 "[::1]",
                                 "[::1:80",
                                 "::1]:80",
                                 "[]:80",
                                 "[::g]:80",
                                 "[127.0.0.1]:80",
                                 "unix:",
                                 "unix:relative",
                                 "http://127.0.0.1:80"}) {
    const auto address = parse_listen_address(text);
    ASSERT_FALSE(address) << text;
    EXPECT_EQ(address.error().kind, ErrorKind::invalid) << text;
  }
  EXPECT_FALSE(parse_listen_address("unix:/" + std::string(107, 'x')));
  EXPECT_TRUE(parse_listen_address("unix:/" + std::string(106, 'x')));
  EXPECT_FALSE(parse_listen_address(std::string("unix:/a\0b", 9)));
  EXPECT_FALSE(parse_listen_address(std::string("127.0.0.1\0x:80", 14)));
}

TEST(ListenAddress, ErrorIsASentenceWithTheForms) {
  const auto address = parse_listen_address("nonsense");
  ASSERT_FALSE(address);
  EXPECT_THAT(address.error().sentence(), testing::HasSubstr("nonsense"));
  EXPECT_THAT(address.error().sentence(), testing::HasSubstr("[::1]:9753"));
}

}  // namespace
}  // namespace cgwarden
