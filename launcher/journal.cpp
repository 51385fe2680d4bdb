#include "launcher/journal.h"

#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>

#include <cerrno>
#include <utility>

namespace cgwarden::launcher {
namespace {

constexpr const char* kSocket = "/run/systemd/journal/socket";
constexpr std::size_t kLineBytes = 48U * 1024U;

}  // namespace

std::string journal_entry(std::string_view fields, std::string_view line) {
  std::string entry(fields);
  entry += "MESSAGE=";
  entry += line;
  entry += '\n';
  return entry;
}

bool Journal::connect() {
  socket_.reset(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::string_view(kSocket).copy(address.sun_path, sizeof(address.sun_path) - 1);
  if (!socket_.valid() ||
      ::connect(socket_.get(), reinterpret_cast<const sockaddr*>(&address), sizeof(address)) != 0) {
    return false;
  }
  const timeval patience{.tv_sec = 1, .tv_usec = 0};
  return ::setsockopt(socket_.get(), SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience)) == 0;
}

Result<Journal> Journal::open(std::string fields) {
  Journal journal;
  journal.fields_ = std::move(fields);
  if (journal.connect()) return journal;
  Error error = Error::from_errno(errno, "reach", kSocket,
                                  "the journal needs systemd-journald; without it use log: "
                                  "{driver: file}");
  error.kind = ErrorKind::not_supported;
  return fail(std::move(error));
}

void Journal::send(std::string_view line) {
  if (line.empty()) return;
  const std::string entry = journal_entry(fields_, line);
  const auto sent = [&] {
    return socket_.valid() && ::send(socket_.get(), entry.data(), entry.size(), MSG_NOSIGNAL) >= 0;
  };
  if (sent()) return;
  // A journald that was restarted has a new socket.
  const bool restarted = errno != EAGAIN && errno != EWOULDBLOCK;
  if (restarted && connect() && sent()) return;
  dropped_ += line.size();
}

void Journal::write(std::string_view bytes) {
  while (!bytes.empty()) {
    const std::size_t end = bytes.find('\n');
    const std::size_t room = kLineBytes - line_.size();
    if (end == std::string_view::npos && bytes.size() < room) {
      line_ += bytes;
      return;
    }
    const std::size_t take = end < room ? end : room;
    line_ += bytes.substr(0, take);
    flush();
    bytes.remove_prefix(take == end ? take + 1 : take);
  }
}

void Journal::flush() {
  send(line_);
  line_.clear();
}

}  // namespace cgwarden::launcher
