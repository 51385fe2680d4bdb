#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

// Numbers as they stand in chunks and in the ring: seven bits a byte, the lowest first (LEB128).
namespace cgwarden::diagnosis::recording {

inline constexpr std::size_t kMostVarintBytes = 10;

// `at` has room for kMostVarintBytes. Where the next one goes.
inline char* write_varint(char* at, std::uint64_t value) {
  while (value >= 0x80) {
    *at++ = static_cast<char>(value | 0x80);
    value >>= 7;
  }
  *at++ = static_cast<char>(value);
  return at;
}

inline void put_varint(std::string& out, std::uint64_t value) {
  while (value >= 0x80) {
    out.push_back(static_cast<char>(value | 0x80));
    value >>= 7;
  }
  out.push_back(static_cast<char>(value));
}

// Appends what `write` writes at the pointer that it gets, at most `most` bytes; it returns the
// end.
template <typename Write>
void append_with(std::string& out, std::size_t most, Write write) {
  const std::size_t size = out.size();
  out.resize_and_overwrite(size + most, [&](char* bytes, std::size_t) {
    return static_cast<std::size_t>(write(bytes + size) - bytes);
  });
}

inline void put_text(std::string& out, std::string_view text) {
  put_varint(out, text.size());
  out.append(text);
}

// Small for small differences of either sign; all of 64 bits, wrapping.
[[nodiscard]] inline std::uint64_t zigzag(std::uint64_t difference) {
  return (difference << 1) ^ (0 - (difference >> 63));
}
[[nodiscard]] inline std::uint64_t unzigzag(std::uint64_t value) {
  return (value >> 1) ^ (0 - (value & 1));
}

// Takes values off the front of bytes of unknown origin. After the first that is not whole, ok() is
// false and every value is 0 or empty.
class ByteReader {
 public:
  explicit ByteReader(std::string_view bytes) : bytes_(bytes) {}

  [[nodiscard]] bool ok() const { return ok_; }
  [[nodiscard]] bool at_end() const { return bytes_.empty(); }
  [[nodiscard]] std::size_t left() const { return bytes_.size(); }

  std::uint8_t byte() {
    if (bytes_.empty()) return fail();
    const auto value = static_cast<std::uint8_t>(bytes_.front());
    bytes_.remove_prefix(1);
    return value;
  }
  std::uint64_t varint() {
    if (!bytes_.empty() && static_cast<unsigned char>(bytes_.front()) < 0x80) {
      const auto small = static_cast<unsigned char>(bytes_.front());
      bytes_.remove_prefix(1);
      return small;
    }
    std::uint64_t value = 0;
    for (unsigned shift = 0; shift < 64; shift += 7) {
      const std::uint8_t next = byte();
      if (!ok_ || (shift == 63 && next > 1)) return fail();
      value |= static_cast<std::uint64_t>(next & 0x7F) << shift;
      if (next < 0x80) return value;
    }
    return fail();
  }
  // false: fewer than `count` values are left.
  bool skip_varints(std::size_t count) {
    for (; count > 0 && ok_; --count) varint();
    return ok_;
  }
  std::string_view bytes(std::uint64_t size) {
    if (size > bytes_.size()) {
      fail();
      return {};
    }
    const std::string_view taken = bytes_.substr(0, size);
    bytes_.remove_prefix(size);
    return taken;
  }
  std::string_view text() { return bytes(varint()); }

 private:
  std::uint8_t fail() {
    ok_ = false;
    bytes_ = {};
    return 0;
  }

  std::string_view bytes_;
  bool ok_ = true;
};

}  // namespace cgwarden::diagnosis::recording
