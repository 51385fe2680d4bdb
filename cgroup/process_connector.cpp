#include "cgroup/process_connector.h"

#include <arpa/inet.h>
#include <linux/cn_proc.h>
#include <linux/connector.h>
#include <linux/filter.h>
#include <linux/netlink.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <vector>

#include "base/limits.h"

namespace cgwarden::cgroup {
namespace {

constexpr const char* kConnector = "the process connector";
// PROC_EVENT_EXIT; an enum within a struct or beside it, by version of the headers.
constexpr std::uint32_t kExit = 0x80000000U;
// A message is a nlmsghdr, a cn_msg, and struct proc_event { what, cpu, timestamp, data }.
constexpr std::uint32_t kEvent = sizeof(nlmsghdr) + sizeof(cn_msg);
constexpr std::uint32_t kPid = kEvent + 16;
constexpr std::uint32_t kThreadGroup = kEvent + 20;
constexpr std::uint32_t kStatus = kEvent + 24;
constexpr std::uint32_t kParent = kEvent + 36;  // parent_tgid, from Linux 4.18
// A fork bomb that is killed sends 100 bytes a process.
constexpr int kBufferBytes = 1 << 20;

std::optional<std::uint32_t> word_at(std::span<const std::byte> bytes, std::size_t offset) {
  std::uint32_t value = 0;
  if (bytes.size() < offset + sizeof value) return std::nullopt;
  std::memcpy(&value, bytes.data() + offset, sizeof value);
  return value;
}

// Only exits of first threads, and of all of `processes`. A filter's words are in network order.
Status attach_filter(int socket, std::span<const pid_t> processes) {
  constexpr auto load = [](std::uint32_t offset) {
    return sock_filter{BPF_LD | BPF_W | BPF_ABS, 0, 0, offset};
  };
  constexpr sock_filter kTake{BPF_RET | BPF_K, 0, 0, 0xFFFFFFFFU};
  constexpr sock_filter kDrop{BPF_RET | BPF_K, 0, 0, 0};
  std::vector<sock_filter> program{load(kEvent),
                                   sock_filter{BPF_JMP | BPF_JEQ | BPF_K, 1, 0, htonl(kExit)},
                                   kDrop,
                                   load(kPid),
                                   sock_filter{BPF_MISC | BPF_TAX, 0, 0, 0},
                                   load(kThreadGroup),
                                   sock_filter{BPF_JMP | BPF_JEQ | BPF_X, 0, 1, 0},
                                   kTake};
  for (const pid_t process : processes) {
    program.push_back(
        sock_filter{BPF_JMP | BPF_JEQ | BPF_K, 0, 1, htonl(static_cast<std::uint32_t>(process))});
    program.push_back(kTake);
  }
  program.push_back(kDrop);
  const sock_fprog filter{static_cast<unsigned short>(program.size()), program.data()};
  if (::setsockopt(socket, SOL_SOCKET, SO_ATTACH_FILTER, &filter, sizeof filter) != 0) {
    return fail(Error::from_errno(errno, "filter", kConnector));
  }
  return {};
}

Status subscribe(int socket) {
  // A nlmsghdr, a cn_msg, which ends in a flexible array, and the operation.
  std::array<std::byte, kEvent + sizeof(std::uint32_t)> request{};
  nlmsghdr header{};
  header.nlmsg_len = request.size();
  header.nlmsg_type = NLMSG_DONE;
  const cb_id id{CN_IDX_PROC, CN_VAL_PROC};
  const std::uint16_t length = sizeof(std::uint32_t);
  const std::uint32_t operation = PROC_CN_MCAST_LISTEN;
  std::memcpy(request.data(), &header, sizeof header);
  std::memcpy(request.data() + sizeof header + offsetof(cn_msg, id), &id, sizeof id);
  std::memcpy(request.data() + sizeof header + offsetof(cn_msg, len), &length, sizeof length);
  std::memcpy(request.data() + kEvent, &operation, sizeof operation);
  if (::send(socket, request.data(), request.size(), 0) != static_cast<ssize_t>(request.size())) {
    return fail(Error::from_errno(errno, "subscribe to", kConnector));
  }
  return {};
}

}  // namespace

std::optional<ProcessExit> parse_process_event(std::span<const std::byte> message) {
  const auto what = word_at(message, kEvent);
  const auto pid = word_at(message, kPid);
  const auto group = word_at(message, kThreadGroup);
  const auto status = word_at(message, kStatus);
  constexpr std::uint32_t kMost = 0x7FFFFFFFU;
  if (!status || what != kExit || *pid == 0 || *pid > kMost || *group == 0 || *group > kMost) {
    return std::nullopt;
  }
  const std::uint32_t parent = word_at(message, kParent).value_or(0);
  return ProcessExit{static_cast<pid_t>(*group), static_cast<int>(*status & 0xFFFFU),
                     static_cast<pid_t>(*pid), static_cast<pid_t>(parent > kMost ? 0 : parent)};
}

Result<ProcessConnector> ProcessConnector::open() {
  UniqueFd socket(
      ::socket(AF_NETLINK, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, NETLINK_CONNECTOR));
  if (!socket.valid()) return fail(Error::from_errno(errno, "open", kConnector));
  CGW_TRY(attach_filter(socket.get(), {}));
  // Beyond net.core.rmem_max with CAP_NET_ADMIN; without it the default must do.
  ::setsockopt(socket.get(), SOL_SOCKET, SO_RCVBUFFORCE, &kBufferBytes, sizeof kBufferBytes);
  sockaddr_nl address{};
  address.nl_family = AF_NETLINK;
  address.nl_groups = CN_IDX_PROC;
  if (::bind(socket.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) {
    return fail(Error::from_errno(errno, "listen to", kConnector));
  }
  CGW_TRY(subscribe(socket.get()));
  return ProcessConnector(std::move(socket));
}

Status ProcessConnector::watch_threads(std::span<const pid_t> processes) {
  return attach_filter(socket_.get(),
                       processes.first(std::min(processes.size(), limits::kThreadsWatched)));
}

Result<std::vector<ProcessExit>> ProcessConnector::drain() {
  std::vector<ProcessExit> exits;
  std::array<std::byte, 1024> buffer{};
  for (;;) {
    sockaddr_nl from{};
    socklen_t length = sizeof from;
    const ssize_t size = ::recvfrom(socket_.get(), buffer.data(), buffer.size(), 0,
                                    reinterpret_cast<sockaddr*>(&from), &length);
    if (size < 0 && errno == EAGAIN) return exits;
    if (size < 0 && errno == EINTR) continue;
    if (size < 0 && errno == ENOBUFS) {
      ++overruns_;
      continue;
    }
    if (size < 0) return fail(Error::from_errno(errno, "read", kConnector));
    if (from.nl_pid != 0) continue;  // not the kernel
    const auto exit = parse_process_event(std::span(buffer).first(static_cast<std::size_t>(size)));
    if (exit) exits.push_back(*exit);
  }
}

}  // namespace cgwarden::cgroup
