#include "exporters/listen_address.h"

#include <arpa/inet.h>
#include <gmock/gmock.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include <cstring>
#include <filesystem>

namespace cgwarden::exporters {
namespace {

// A directory of this test, removed at its end.
struct Directory {
  Directory() {
    std::string name = (std::filesystem::temp_directory_path() / "cgwarden-XXXXXX").string();
    path = ::mkdtemp(name.data());
  }
  ~Directory() { std::filesystem::remove_all(path); }
  std::filesystem::path path;
};

TEST(ListenAddress, TakesTheFourForms) {
  const auto v4 = parse_listen_address("127.0.0.1:9753");
  ASSERT_TRUE(v4);
  ASSERT_TRUE(std::holds_alternative<Ipv4Address>(*v4));
  EXPECT_EQ(std::get<Ipv4Address>(*v4).host.s_addr, htonl(INADDR_LOOPBACK));
  EXPECT_EQ(std::get<Ipv4Address>(*v4).port, 9753);

  const auto v6 = parse_listen_address("[::1]:0");
  ASSERT_TRUE(v6);
  ASSERT_TRUE(std::holds_alternative<Ipv6Address>(*v6));
  EXPECT_EQ(std::memcmp(&std::get<Ipv6Address>(*v6).host, &in6addr_loopback, sizeof(in6_addr)), 0);

  const auto any = parse_listen_address(":65535");
  ASSERT_TRUE(any);
  ASSERT_TRUE(std::holds_alternative<AnyAddress>(*any));
  EXPECT_EQ(std::get<AnyAddress>(*any).port, 65535);

  const auto local = parse_listen_address("unix:/run/cgwarden/metrics.sock");
  ASSERT_TRUE(local);
  ASSERT_TRUE(std::holds_alternative<UnixAddress>(*local));
  EXPECT_EQ(std::get<UnixAddress>(*local).path, "/run/cgwarden/metrics.sock");
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

TEST(Listener, UnixSocketIsNotForEverybodyAndGoesAtTheEnd) {
  const Directory directory;
  const std::string path = directory.path / "s";
  {
    const auto listener = Listener::open(UnixAddress{path}, "unix:" + path);
    ASSERT_TRUE(listener) << listener.error().sentence();
    EXPECT_EQ(listener->port(), 0);
    struct stat status{};
    ASSERT_EQ(::stat(path.c_str(), &status), 0);
    EXPECT_EQ(status.st_mode & 0007U, 0U);
  }
  EXPECT_FALSE(std::filesystem::exists(path));
}

TEST(Listener, AnAbandonedUnixSocketIsReplaced) {
  const Directory directory;
  const std::string path = directory.path / "s";
  {
    const UniqueFd socket(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    ASSERT_LT(path.size(), sizeof address.sun_path);
    std::memcpy(address.sun_path, path.data(), path.size());
    ASSERT_EQ(::bind(socket.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address), 0);
  }
  ASSERT_TRUE(std::filesystem::exists(path));
  EXPECT_TRUE(Listener::open(UnixAddress{path}, "unix:" + path));
}

TEST(Listener, AFileThatIsNoSocketStays) {
  const Directory directory;
  const std::string path = directory.path / "precious";
  ASSERT_TRUE(std::filesystem::create_directory(path));
  const auto listener = Listener::open(UnixAddress{path}, "unix:" + path);
  ASSERT_FALSE(listener);
  EXPECT_EQ(listener.error().kind, ErrorKind::busy);
  EXPECT_TRUE(std::filesystem::exists(path));
}

}  // namespace
}  // namespace cgwarden::exporters
