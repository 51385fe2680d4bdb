#include "cgroup/mountinfo.h"

#include <cstddef>
#include <optional>

#include "base/text.h"
#include "cgroup/quote.h"

namespace cgwarden::cgroup {
namespace {

bool is_octal(char digit) { return digit >= '0' && digit <= '7'; }

// fs/seq_file.c seq_path and mangle() print blank, tab, newline, backslash and # as \ooo.
std::string decode_octal(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '\\' && i + 3 < text.size() && text[i + 1] <= '3' && is_octal(text[i + 1]) &&
        is_octal(text[i + 2]) && is_octal(text[i + 3])) {
      out += static_cast<char>((text[i + 1] - '0') * 64 + (text[i + 2] - '0') * 8 +
                               (text[i + 3] - '0'));
      i += 3;
    } else {
      out += text[i];
    }
  }
  return out;
}

std::vector<std::string> options(std::string_view field) {
  std::vector<std::string> list;
  for (const std::string_view option : split(field, ',')) list.push_back(decode_octal(option));
  return list;
}

// "ID PARENT MAJOR:MINOR ROOT MOUNTPOINT OPTIONS [TAG...] - TYPE SOURCE SUPEROPTIONS"
std::optional<MountLine> parse_line(std::string_view text) {
  static constexpr std::size_t kMountPoint = 4;
  static constexpr std::size_t kFirstTag = 6;
  const std::vector<std::string_view> fields = split(text, ' ');
  std::size_t separator = kFirstTag;
  while (separator < fields.size() && fields[separator] != "-") ++separator;
  // The source may be empty (mount -t tmpfs "" /mnt), which shows as two blanks; it may not be
  // absent.
  if (fields.size() != separator + 4 || !fields[kMountPoint].starts_with('/') ||
      fields[separator + 1].empty()) {
    return std::nullopt;
  }
  const auto id = parse_integer<std::uint64_t>(fields[0]);
  const auto parent = parse_integer<std::uint64_t>(fields[1]);
  const auto device = split(fields[2], ':');
  if (!id || !parent || device.size() != 2) return std::nullopt;
  const auto major = parse_integer<unsigned>(device[0]);
  const auto minor = parse_integer<unsigned>(device[1]);
  if (!major || !minor) return std::nullopt;
  return MountLine{.mount_point = decode_octal(fields[kMountPoint]),
                   .fs_type = decode_octal(fields[separator + 1]),
                   .super_options = options(fields[separator + 3]),
                   .options = options(fields[kMountPoint + 1]),
                   .root = decode_octal(fields[kMountPoint - 1]),
                   .id = *id,
                   .parent = *parent,
                   .device_major = *major,
                   .device_minor = *minor};
}

}  // namespace

Result<std::vector<MountLine>> parse_mountinfo(std::string_view text) {
  std::vector<MountLine> lines;
  while (!text.empty()) {
    const std::size_t end = text.find('\n');
    if (end == std::string_view::npos) {
      return fail(malformed("mountinfo", "the last line has no end"));
    }
    auto line = parse_line(text.substr(0, end));
    if (!line) {
      return fail(malformed("mountinfo", quote(text.substr(0, end)) + " is not a mount"));
    }
    lines.push_back(*std::move(line));
    text.remove_prefix(end + 1);
  }
  return lines;
}

}  // namespace cgwarden::cgroup
