// The guest agent: runs the commands which the host sends over the virtio-serial port.

#include <dirent.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <list>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "frame.h"
#include "job.h"

namespace cgwarden::vm {
namespace {

// Must be the name given to the port in harness/machine.py.
constexpr std::string_view kPortName = "cgwarden.vm";

// One read from a pipe, and so the largest output frame.
constexpr std::size_t kChunk = 65536;

// Input which a command has not read yet. Tests feed at most a few MiB; a command which never reads
// must not eat the memory of the guest.
constexpr std::size_t kMaxPendingInput = 16U << 20U;

// After an exit, what the pipe still holds belongs before kExit. A descendant which keeps on
// writing must not hold the exit back, so no more than the largest pipe is drained.
constexpr std::size_t kMaxDrain = 1U << 20U;

std::string read_small_file(const std::string& path) {
  const Fd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  std::array<char, 256> buffer{};
  const ssize_t size = fd.valid() ? ::read(fd.get(), buffer.data(), buffer.size()) : -1;
  return size > 0 ? std::string(buffer.data(), static_cast<std::size_t>(size)) : std::string();
}

// There may be no udev in the guest, so the port is found through sysfs and opened by its devtmpfs
// node.
Fd open_port() {
  const std::string sysfs = "/sys/class/virtio-ports/";
  DIR* directory = ::opendir(sysfs.c_str());
  if (directory == nullptr) {
    return {};
  }
  Fd port;
  while (const dirent* entry = ::readdir(directory)) {
    const std::string device = static_cast<const char*>(entry->d_name);
    if (read_small_file(sysfs + device + "/name").starts_with(kPortName)) {
      port = Fd(::open(("/dev/" + device).c_str(), O_RDWR | O_CLOEXEC));
    }
  }
  ::closedir(directory);
  return port;
}

class Agent {
 public:
  explicit Agent(int port_fd) : port_(port_fd), writer_(port_fd) {}

  // Serves until the host closes the port.
  void serve();

 private:
  void handle(const Frame& frame);
  void start(const Frame& frame);
  void add_input(Job& job, std::string_view bytes);
  void read_file(const Frame& frame);
  void write_file(const Frame& frame);
  static void flush_input(Job& job);
  // False at the end of the file, and when nothing is left to read now.
  bool forward(const Job& job, Fd& from, FrameType type);
  void reap(Job& job);
  void poll_once();
  bool read_port();
  Job* find(std::uint32_t id);

  int port_;
  FrameWriter writer_;
  FrameReader reader_;
  std::list<Job> jobs_;
  bool port_open_ = true;
};

Job* Agent::find(std::uint32_t id) {
  const auto found = std::ranges::find(jobs_, id, &Job::id);
  return found == jobs_.end() ? nullptr : &*found;
}

void Agent::start(const Frame& frame) {
  PayloadReader payload(frame.payload);
  JobSpec spec;
  const std::uint8_t flags = payload.u8();
  spec.pty = (flags & 1U) != 0;
  spec.stdin_pipe = (flags & 2U) != 0;
  spec.rows = payload.u16();
  spec.columns = payload.u16();
  spec.working_directory = payload.string();
  spec.argv = payload.strings();
  spec.environment = payload.strings();
  if (!payload.ok()) {
    writer_.send_error(frame.id, EPROTO, "malformed start request");
    return;
  }
  StartFailure failure;
  std::optional<Job> job = start_job(frame.id, spec, failure);
  if (!job) {
    writer_.send_error(frame.id, failure.error, failure.text);
    return;
  }
  writer_.send(FrameType::kStarted, frame.id, encode_u32(static_cast<std::uint32_t>(job->pid)));
  jobs_.push_back(std::move(*job));
}

void Agent::add_input(Job& job, std::string_view bytes) {
  if (bytes.empty()) {
    job.input_closing = true;
  } else if (job.pending_input.size() + bytes.size() > kMaxPendingInput) {
    writer_.send(FrameType::kStderr, job.id, "vm agent: the command does not read its input\n");
    job.pending_input.clear();
    job.input_closing = true;
  } else if (job.input.valid()) {
    job.pending_input += bytes;
  }
  flush_input(job);
}

void Agent::flush_input(Job& job) {
  while (job.input.valid() && !job.pending_input.empty()) {
    const ssize_t written =
        ::write(job.input.get(), job.pending_input.data(), job.pending_input.size());
    if (written < 0 && errno == EAGAIN) {
      return;
    }
    if (written < 0) {
      job.pending_input.clear();
      job.input.reset();
      return;
    }
    job.pending_input.erase(0, static_cast<std::size_t>(written));
  }
  if (job.input_closing) {
    job.input.reset();
  }
}

// Non-blocking, because /dev/kmsg never ends: what is there now is its content.
void Agent::read_file(const Frame& frame) {
  const Fd file(::open(frame.payload.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  std::vector<char> buffer(kChunk);
  ssize_t size = file.valid() ? 1 : -1;
  while (size > 0) {
    size = ::read(file.get(), buffer.data(), buffer.size());
    if (size < 0 && errno == EPIPE) {  // /dev/kmsg: older records were overwritten
      size = 1;
    } else if (size > 0) {
      writer_.send(FrameType::kData, frame.id, {buffer.data(), static_cast<std::size_t>(size)});
    }
  }
  if (size < 0 && errno != EAGAIN) {
    writer_.send_error(frame.id, errno, frame.payload);
    return;
  }
  writer_.send(FrameType::kDone, frame.id);
}

void Agent::write_file(const Frame& frame) {
  PayloadReader payload(frame.payload);
  const std::uint32_t mode = payload.u32();
  const std::string path = payload.string();
  const std::string_view content = payload.rest();
  if (!payload.ok()) {
    writer_.send_error(frame.id, EPROTO, "malformed write request");
    return;
  }
  const Fd file(::open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, mode));
  const ssize_t written = file.valid() ? ::write(file.get(), content.data(), content.size()) : -1;
  if (written < 0) {
    writer_.send_error(frame.id, errno, path);
  } else if (static_cast<std::size_t>(written) != content.size()) {
    writer_.send_error(frame.id, ENOSPC, path);
  } else {
    writer_.send(FrameType::kDone, frame.id);
  }
}

void Agent::handle(const Frame& frame) {
  PayloadReader payload(frame.payload);
  Job* job = find(frame.id);
  switch (frame.type) {
    case FrameType::kStart:
      start(frame);
      break;
    case FrameType::kStdin:
      if (job != nullptr) {
        add_input(*job, frame.payload);
      }
      break;
    case FrameType::kKill:
      if (job != nullptr && !job->exited) {
        ::kill(-job->pid, static_cast<int>(payload.u32()));
      }
      break;
    case FrameType::kResize:
      if (job != nullptr && job->output.valid()) {
        const std::uint16_t rows = payload.u16();
        resize_pty(*job, rows, payload.u16());
      }
      break;
    case FrameType::kReadFile:
      read_file(frame);
      break;
    case FrameType::kWriteFile:
      write_file(frame);
      break;
    case FrameType::kPing:
      writer_.send(FrameType::kDone, frame.id);
      break;
    default:
      writer_.send_error(frame.id, EPROTO, "unknown request");
  }
}

bool Agent::forward(const Job& job, Fd& from, FrameType type) {
  std::array<char, kChunk> buffer{};
  const ssize_t size = ::read(from.get(), buffer.data(), buffer.size());
  if (size > 0) {
    writer_.send(type, job.id, {buffer.data(), static_cast<std::size_t>(size)});
    return true;
  }
  // A pty reads as EIO once its last user is gone.
  if (size == 0 || (errno != EAGAIN && errno != EINTR)) {
    from.reset();
  }
  return false;
}

void Agent::reap(Job& job) {
  int status = 0;
  if (::waitpid(job.pid, &status, WNOHANG) != job.pid) {
    return;
  }
  job.exited = true;
  job.pidfd.reset();
  job.input.reset();
  for (std::size_t drained = 0; drained < kMaxDrain && job.output.valid(); drained += kChunk) {
    if (!forward(job, job.output, FrameType::kStdout)) {
      break;
    }
  }
  for (std::size_t drained = 0; drained < kMaxDrain && job.error.valid(); drained += kChunk) {
    if (!forward(job, job.error, FrameType::kStderr)) {
      break;
    }
  }
  const ExitStatus result{.code = WIFEXITED(status) ? WEXITSTATUS(status) : 0,
                          .signal = WIFSIGNALED(status) ? WTERMSIG(status) : 0};
  writer_.send(FrameType::kExit, job.id,
               encode_u32(static_cast<std::uint32_t>(result.code)) +
                   encode_u32(static_cast<std::uint32_t>(result.signal)));
}

bool Agent::read_port() {
  std::array<char, kChunk> buffer{};
  const ssize_t size = ::read(port_, buffer.data(), buffer.size());
  if (size < 0 && (errno == EINTR || errno == EAGAIN)) {
    return true;
  }
  if (size <= 0) {
    return false;
  }
  reader_.append({buffer.data(), static_cast<std::size_t>(size)});
  while (const std::optional<Frame> frame = reader_.next()) {
    handle(*frame);
  }
  return !reader_.broken();
}

void Agent::poll_once() {
  // Each job takes four slots; poll() skips those with a negative descriptor.
  constexpr std::size_t kSlots = 4;
  std::vector<pollfd> fds{{.fd = port_, .events = POLLIN, .revents = 0}};
  for (const Job& job : jobs_) {
    const int input = job.pending_input.empty() ? -1 : job.input.get();
    fds.push_back({.fd = job.pidfd.get(), .events = POLLIN, .revents = 0});
    fds.push_back({.fd = input, .events = POLLOUT, .revents = 0});
    fds.push_back({.fd = job.output.get(), .events = POLLIN, .revents = 0});
    fds.push_back({.fd = job.error.get(), .events = POLLIN, .revents = 0});
  }
  if (::poll(fds.data(), fds.size(), -1) < 0) {
    return;
  }
  std::size_t slot = 1;
  for (Job& job : jobs_) {
    if (fds[slot + 1].revents != 0) {
      flush_input(job);
    }
    if (fds[slot + 2].revents != 0) {
      forward(job, job.output, FrameType::kStdout);
    }
    if (fds[slot + 3].revents != 0) {
      forward(job, job.error, FrameType::kStderr);
    }
    if (fds[slot].revents != 0) {
      reap(job);
    }
    slot += kSlots;
  }
  std::erase_if(jobs_, [](const Job& job) { return job.finished(); });
  if (fds[0].revents != 0) {
    port_open_ = read_port();
  }
}

void Agent::serve() {
  utsname names{};
  ::uname(&names);
  writer_.send(FrameType::kHello, 0, static_cast<const char*>(names.release));
  while (port_open_) {
    poll_once();
  }
}

// The agent must outlive the out-of-memory scenarios of the tests.
void protect_from_oom_killer() {
  const Fd adjust(::open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC));
  if (!adjust.valid() || ::write(adjust.get(), "-1000", 5) != 5) {
    std::fputs("vm agent: cannot protect itself from the OOM killer\n", stderr);
  }
}

}  // namespace
}  // namespace cgwarden::vm

int main() {
  ::signal(SIGPIPE, SIG_IGN);
  // sysrq-e sends it to everything but PID 1; systemd stops with it.
  if (::access("/run/systemd/system", F_OK) != 0) ::signal(SIGTERM, SIG_IGN);
  cgwarden::vm::protect_from_oom_killer();
  const cgwarden::vm::Fd port = cgwarden::vm::open_port();
  if (!port.valid()) {
    std::fputs("vm agent: no virtio-serial port named cgwarden.vm\n", stderr);
    return 1;
  }
  cgwarden::vm::Agent(port.get()).serve();
  return 0;
}
