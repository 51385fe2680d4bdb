#include "launcher/launch_report.h"

#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <span>
#include <string_view>
#include <utility>

#include "launcher/descriptor_socket.h"
#include "launcher/launch_step.h"
#include "launcher/peer_credentials.h"

namespace cgwarden::launcher {
namespace {

enum class MessageKind : int { exec = 1, error = 2, listener = 3 };

struct Message {
  MessageKind kind = MessageKind::error;
  int errno_value = 0;
  int listener_fd = -1;
  std::array<char, 32> stage{};
  std::array<char, 1024> text{};
};

template <std::size_t size>
void copy_text(std::array<char, size>& to, std::string_view from) {
  from.copy(to.data(), size - 1);
}

void send_message(int socket, const Message& message) {
  while (::send(socket, &message, sizeof(message), MSG_NOSIGNAL) < 0 && errno == EINTR) {
  }
}

// False at the end of the socket; errno(3) is 0 or the kernel's.
bool receive_message(int socket, Message& message, pid_t& sender) {
  const auto from = receive_with_sender(socket, std::as_writable_bytes(std::span(&message, 1)));
  if (from) sender = from->pid;
  return from.has_value();
}

Step take_listener(const ReportReader& reader, pid_t pid, int number) {
  if (!reader.listener) return refused("seccomp", "nobody waits for the profile's listener");
  const UniqueFd pidfd(static_cast<int>(::syscall(SYS_pidfd_open, pid, 0)));
  UniqueFd listener(static_cast<int>(::syscall(SYS_pidfd_getfd, pidfd.get(), number, 0)));
  if (!listener.valid()) return failed("seccomp", "the listener cannot be taken from the command");
  return reader.listener(pid, std::move(listener));
}

}  // namespace

void report_error(int socket, const LaunchError& error) {
  Message message;
  message.errno_value = error.errno_value;
  copy_text(message.stage, error.stage);
  copy_text(message.text, error.text);
  send_message(socket, message);
}

void report_exec(int socket) {
  Message message;
  message.kind = MessageKind::exec;
  send_message(socket, message);
}

void report_listener(int socket, int listener_fd) {
  Message message;
  message.kind = MessageKind::listener;
  message.listener_fd = listener_fd;
  [[maybe_unused]] const ssize_t written = ::write(socket, &message, sizeof(message));
}

LaunchOutcome receive_outcome(int socket, const ReportReader& reader) {
  LaunchOutcome outcome;
  for (;;) {
    Message message;
    pid_t sender = -1;
    if (!receive_message(socket, message, sender)) {
      if (errno != ECONNRESET || outcome.refused) return outcome;
      // Said once, and before what the other end had sent.
      outcome.refused = true;
      continue;
    }
    if (message.kind == MessageKind::error) {
      if (!outcome.error) {
        outcome.error = LaunchError{message.stage.data(), message.errno_value, message.text.data()};
      }
    } else if (message.kind == MessageKind::exec) {
      outcome.main_pid = sender;
      if (reader.until_ready) return outcome;
    } else if (Step taken = take_listener(reader, sender, message.listener_fd); taken) {
      (void)send_go(socket, {});
    } else if (!outcome.error) {
      outcome.error = std::move(taken).error();
      // The child waits for a word that will not come.
      ::shutdown(socket, SHUT_RDWR);
      return outcome;
    }
  }
}

bool send_go(int socket, const std::string& text, int descriptor) {
  // A message of no bytes would look like the end of the socket.
  const std::string message = "g" + text;
  if (descriptor >= 0) return send_descriptor(socket, descriptor, message);
  ssize_t sent = 0;
  do {
    sent = ::send(socket, message.data(), message.size(), MSG_NOSIGNAL);
  } while (sent < 0 && errno == EINTR);
  return sent == static_cast<ssize_t>(message.size());
}

std::optional<std::string> receive_go(int socket, UniqueFd* descriptor) {
  ssize_t size = 0;
  do {
    size = ::recv(socket, nullptr, 0, MSG_PEEK | MSG_TRUNC);
  } while (size < 0 && errno == EINTR);
  if (size <= 0) return std::nullopt;
  std::string text(static_cast<std::size_t>(size), '\0');
  if (descriptor == nullptr) {
    if (::recv(socket, text.data(), text.size(), 0) != size) return std::nullopt;
  } else if (receive_descriptor(socket, text, *descriptor) != size) {
    return std::nullopt;
  }
  return text.substr(1);
}

}  // namespace cgwarden::launcher
