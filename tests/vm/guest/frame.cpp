#include "frame.h"

#include <unistd.h>

#include <cerrno>
#include <cstdlib>

namespace cgwarden::vm {
namespace {

constexpr std::size_t kHeaderSize = 9;

std::uint32_t decode(std::string_view bytes) {
  std::uint32_t value = 0;
  for (std::size_t i = bytes.size(); i > 0; --i) {
    value = (value << 8U) | static_cast<unsigned char>(bytes[i - 1]);
  }
  return value;
}

// A lost port means that the host is gone: there is nobody left to report to.
void write_all(int fd, std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t written = ::write(fd, bytes.data(), bytes.size());
    if (written >= 0) {
      bytes.remove_prefix(static_cast<std::size_t>(written));
    } else if (errno != EINTR) {
      std::_Exit(1);
    }
  }
}

}  // namespace

std::string encode_u32(std::uint32_t value) {
  std::string bytes;
  for (unsigned shift = 0; shift < 32; shift += 8) {
    bytes.push_back(static_cast<char>((value >> shift) & 0xffU));
  }
  return bytes;
}

std::optional<Frame> FrameReader::next() {
  if (broken_ || buffer_.size() < kHeaderSize) {
    return std::nullopt;
  }
  const std::string_view view = buffer_;
  const std::uint32_t length = decode(view.substr(0, 4));
  if (length > kMaxPayload) {
    broken_ = true;
    return std::nullopt;
  }
  if (buffer_.size() < kHeaderSize + length) {
    return std::nullopt;
  }
  Frame frame{.type = static_cast<FrameType>(view[4]),
              .id = decode(view.substr(5, 4)),
              .payload = std::string(view.substr(kHeaderSize, length))};
  buffer_.erase(0, kHeaderSize + length);
  return frame;
}

std::uint32_t PayloadReader::integer(std::size_t width) {
  if (!ok_ || rest_.size() < width) {
    ok_ = false;
    return 0;
  }
  const std::uint32_t value = decode(rest_.substr(0, width));
  rest_.remove_prefix(width);
  return value;
}

std::string PayloadReader::string() {
  const std::uint32_t length = u32();
  if (!ok_ || rest_.size() < length) {
    ok_ = false;
    return {};
  }
  std::string value(rest_.substr(0, length));
  rest_.remove_prefix(length);
  return value;
}

std::vector<std::string> PayloadReader::strings() {
  std::vector<std::string> values;
  for (std::uint32_t left = u32(); ok_ && left > 0; --left) {
    values.push_back(string());
  }
  return values;
}

void FrameWriter::send(FrameType type, std::uint32_t id, std::string_view payload) const {
  std::string frame = encode_u32(static_cast<std::uint32_t>(payload.size()));
  frame.push_back(static_cast<char>(type));
  frame += encode_u32(id);
  frame += payload;
  write_all(fd_, frame);
}

void FrameWriter::send_error(std::uint32_t id, int error, std::string_view text) const {
  send(FrameType::kError, id, encode_u32(static_cast<std::uint32_t>(error)) + std::string(text));
}

}  // namespace cgwarden::vm
