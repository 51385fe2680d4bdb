#include "exporters/listener.h"

#include <fcntl.h>
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

TEST(Listener, UnixSocketIsNotForEverybodyAndGoesAtTheEnd) {
  const Directory directory;
  const std::string path = directory.path / "s";
  {
    const auto listener = Listener::open(ListenUnix{path}, "unix:" + path);
    ASSERT_TRUE(listener) << listener.error().sentence();
    EXPECT_EQ(listener->port(), 0);
    struct stat status{};
    ASSERT_EQ(::stat(path.c_str(), &status), 0);
    EXPECT_EQ(status.st_mode & 0007U, 0U);
  }
  EXPECT_FALSE(std::filesystem::exists(path));
}

// Whatever the umask: a proxy in the group may connect, others may not.
TEST(Listener, TheGroupOfAUnixSocketMayConnect) {
  for (const mode_t umask : {mode_t{0022}, mode_t{0077}, mode_t{0}}) {
    const Directory directory;
    const std::string path = directory.path / "s";
    const mode_t before = ::umask(umask);
    const auto listener = Listener::open(ListenUnix{path}, "unix:" + path);
    ::umask(before);
    ASSERT_TRUE(listener) << listener.error().sentence();
    struct stat status{};
    ASSERT_EQ(::stat(path.c_str(), &status), 0);
    EXPECT_EQ(status.st_mode & 0777U, 0660U) << umask;
  }
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
  EXPECT_TRUE(Listener::open(ListenUnix{path}, "unix:" + path));
}

TEST(Listener, AFileThatIsNoSocketStays) {
  const Directory directory;
  const std::string path = directory.path / "precious";
  ASSERT_TRUE(std::filesystem::create_directory(path));
  const auto listener = Listener::open(ListenUnix{path}, "unix:" + path);
  ASSERT_FALSE(listener);
  EXPECT_EQ(listener.error().kind, ErrorKind::busy);
  EXPECT_TRUE(std::filesystem::exists(path));
}

TEST(Listener, AnAdoptedSocketKeepsItsFile) {
  const Directory directory;
  const std::string path = directory.path / "s";
  UniqueFd socket(::socket(AF_UNIX, SOCK_STREAM, 0));
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  ASSERT_LT(path.size(), sizeof address.sun_path);
  std::memcpy(address.sun_path, path.data(), path.size());
  ASSERT_EQ(::bind(socket.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address), 0);
  ASSERT_EQ(::listen(socket.get(), 1), 0);
  const int number = socket.get();
  {
    const auto listener = Listener::adopt(std::move(socket), "socket 3");
    ASSERT_TRUE(listener) << listener.error().sentence();
    EXPECT_EQ(listener->name(), "socket 3");
    EXPECT_NE(::fcntl(number, F_GETFD) & FD_CLOEXEC, 0);
    EXPECT_NE(::fcntl(number, F_GETFL) & O_NONBLOCK, 0);
  }
  EXPECT_TRUE(std::filesystem::exists(path));
}

TEST(Listener, WhatDoesNotListenIsNotAdopted) {
  for (const int type : {SOCK_STREAM, SOCK_DGRAM}) {
    const auto listener = Listener::adopt(UniqueFd(::socket(AF_UNIX, type, 0)), "socket 3");
    ASSERT_FALSE(listener);
    EXPECT_EQ(listener.error().kind, ErrorKind::invalid);
    EXPECT_THAT(listener.error().sentence(), testing::HasSubstr("socket 3"));
  }
  EXPECT_FALSE(Listener::adopt(UniqueFd(::open("/dev/null", O_RDONLY | O_CLOEXEC)), "fd"));
}

}  // namespace
}  // namespace cgwarden::exporters
