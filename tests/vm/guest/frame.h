#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

// The protocol between the host and the guest agent, over one virtio-serial port.
//
// A frame is: payload length (u32), type (u8), id (u32), payload. All integers are little endian.
// The host picks the id of every request; every answer carries the id of its request. A string is
// its length (u32) and its bytes; a list of strings is its count (u32) and the strings.
//
//   host -> guest
//     kStart      flags (u8: 1 = pty, 2 = stdin is a pipe), rows (u16), columns (u16),
//                 working directory (string), argv (list), environment (list of NAME=VALUE)
//     kStdin      bytes for the command; an empty payload closes its stdin
//     kKill       signal (u32), sent to the process group of the command
//     kResize     rows (u16), columns (u16) of its pty
//     kReadFile   path (the rest of the payload)
//     kWriteFile  mode (u32), path (string), content (the rest): one open and one write(2), as
//                 control files need it
//     kPing       nothing; answered by kDone
//
//   guest -> host
//     kHello      kernel release (the payload); sent once, when commands can be run
//     kStarted    pid (u32), after a successful exec
//     kStdout, kStderr  output; may still arrive after kExit when a descendant holds the pipe
//     kExit       exit code (i32), signal (i32); all output written before the exit comes first
//     kData       a piece of a file; the last one is followed by kDone
//     kDone       the request succeeded
//     kError      errno (i32) and a text: the request failed
namespace cgwarden::vm {

enum class FrameType : std::uint8_t {
  kStart = 1,
  kStdin = 2,
  kKill = 3,
  kResize = 4,
  kReadFile = 5,
  kWriteFile = 6,
  kPing = 7,
  kHello = 64,
  kStarted = 65,
  kStdout = 66,
  kStderr = 67,
  kExit = 68,
  kData = 69,
  kDone = 70,
  kError = 71,
};

// The largest payload either side sends: a whole file in kWriteFile. A longer one means that the
// stream is out of step.
inline constexpr std::uint32_t kMaxPayload = 64U << 20U;

struct Frame {
  FrameType type;
  std::uint32_t id;
  std::string payload;
};

// Collects bytes of the port and cuts them into frames.
class FrameReader {
 public:
  void append(std::string_view bytes) { buffer_.append(bytes); }
  // The next whole frame, or nothing when more bytes are needed.
  std::optional<Frame> next();
  // True when a header announced more than kMaxPayload: the stream cannot be trusted any more.
  [[nodiscard]] bool broken() const { return broken_; }

 private:
  std::string buffer_;
  bool broken_ = false;
};

// Reads the fields of a payload in order. After the first field that does not fit, ok() is false
// and every later field is empty.
class PayloadReader {
 public:
  explicit PayloadReader(std::string_view payload) : rest_(payload) {}
  std::uint8_t u8() { return static_cast<std::uint8_t>(integer(1)); }
  std::uint16_t u16() { return static_cast<std::uint16_t>(integer(2)); }
  std::uint32_t u32() { return integer(4); }
  std::string string();
  std::vector<std::string> strings();
  [[nodiscard]] std::string_view rest() const { return rest_; }
  [[nodiscard]] bool ok() const { return ok_; }

 private:
  std::uint32_t integer(std::size_t width);
  std::string_view rest_;
  bool ok_ = true;
};

// A u32 in wire order, for building payloads.
std::string encode_u32(std::uint32_t value);

// Writes whole frames to the port. Blocks while the host does not read: the host always does.
class FrameWriter {
 public:
  explicit FrameWriter(int port_fd) : fd_(port_fd) {}
  void send(FrameType type, std::uint32_t id, std::string_view payload = {}) const;
  void send_error(std::uint32_t id, int error, std::string_view text) const;

 private:
  int fd_;
};

}  // namespace cgwarden::vm
