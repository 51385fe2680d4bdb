#include "agent/image_user.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/xattr.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <optional>
#include <string_view>

#include "base/file.h"
#include "base/limits.h"
#include "base/text.h"
#include "launcher/path_in_root.h"

namespace cgwarden::agent {
namespace {

struct Line {
  std::string_view name;
  std::uint32_t id = 0;
  std::string_view rest;  // after the id
};

// "name:password:id:rest" of both files.
std::optional<Line> parse_line(std::string_view text) {
  const auto fields = split(text, ':');
  if (fields.size() < 4 || fields[0].empty()) return std::nullopt;
  const auto id = parse_integer<std::uint32_t>(fields[2]);
  if (!id) return std::nullopt;
  return Line{fields[0], *id,
              text.substr(static_cast<std::size_t>(fields[3].data() - text.data()))};
}

// By name first: a name may look like a number.
std::optional<Line> find_line(std::string_view file, std::string_view wanted,
                              std::optional<std::uint32_t> number) {
  std::optional<Line> by_number;
  for (const std::string_view text : split(file, '\n')) {
    const auto line = parse_line(text);
    if (!line) continue;
    if (line->name == wanted) return line;
    if (number && line->id == *number && !by_number) by_number = line;
  }
  return by_number;
}

Error no_such(const char* what, std::string_view name, const char* file) {
  return Error::invalid("use the image's user", printable(name),
                        std::string("there is no such ") + what + " in " + file + " of the image");
}

void add_groups(std::string_view group, std::string_view name, ImageUser& user) {
  for (const std::string_view text : split(group, '\n')) {
    const auto line = parse_line(text);
    if (!line || line->id == user.gid) continue;
    const auto members = split(line->rest, ',');
    if (std::ranges::find(members, name) == members.end()) continue;
    user.additional_gids.push_back(line->id);
  }
}

constexpr std::uint32_t kNoId = ~std::uint32_t{0};  // setuid(2): "unchanged"

std::optional<std::uint32_t> id_of(std::string_view text) {
  const auto number = parse_integer<std::uint32_t>(text);
  if (!number || *number == kNoId) return std::nullopt;
  return *number;
}

// A directory that hides what the layers below have in it (overlayfs.rst, "whiteouts and opaque
// directories").
bool is_opaque(int layer, const std::string& path) {
  const auto directory = launcher::open_in_root(layer, path.substr(0, path.rfind('/')));
  if (!directory) return false;
  std::array<char, 1> value{};
  const std::string name = "/proc/self/fd/" + std::to_string(directory->get());
  return ::getxattr(name.c_str(), "trusted.overlay.opaque", value.data(), value.size()) == 1 &&
         value[0] == 'y';
}

enum class Found { here, deleted, further_down };

// What one layer has at `path`; a whiteout of the file or of a directory above hides what is below.
Result<Found> look(int layer, const std::string& path, std::string& text) {
  const auto file = launcher::open_in_root(layer, path);
  if (!file) {
    const int code = file.error().errno_value;
    if (code == ENOENT) return is_opaque(layer, path) ? Found::deleted : Found::further_down;
    if (code == ENOTDIR || code == ELOOP) return Found::deleted;
    return fail(file.error());
  }
  struct stat status{};
  if (::fstat(file->get(), &status) != 0) return fail(Error::from_errno(errno, "read", path));
  if (!S_ISREG(status.st_mode)) return Found::deleted;
  // Not the O_PATH descriptor itself; this cannot be swapped for something else.
  CGW_ASSIGN(text,
             read_file("/proc/self/fd/" + std::to_string(file->get()), limits::kPasswdFileBytes));
  return Found::here;
}

}  // namespace

Result<ImageUser> find_user(const std::string& wanted, const std::string& passwd,
                            const std::string& group) {
  ImageUser user;
  if (wanted.empty()) return user;
  const std::string_view text = wanted;
  const std::size_t colon = text.find(':');
  const std::string_view name = text.substr(0, colon);
  const auto number = id_of(name);
  const auto line = find_line(passwd, name, number);
  if (line) {
    user.uid = line->id;
    user.gid = id_of(line->rest.substr(0, line->rest.find(':'))).value_or(0);
  } else if (number) {
    user.uid = *number;
  } else {
    return fail(no_such("user", name, "/etc/passwd"));
  }
  if (colon != std::string_view::npos) {
    const std::string_view group_name = text.substr(colon + 1);
    const auto group_number = id_of(group_name);
    const auto group_line = find_line(group, group_name, group_number);
    if (!group_line && !group_number) return fail(no_such("group", group_name, "/etc/group"));
    user.gid = group_line ? group_line->id : *group_number;
    return user;  // a group that is named is the only one
  }
  if (line) add_groups(group, line->name, user);
  return user;
}

Result<std::string> read_in_layers(const std::vector<std::string>& layers,
                                   const std::string& path) {
  std::string text;
  for (auto layer = layers.rbegin(); layer != layers.rend(); ++layer) {
    CGW_ASSIGN(const UniqueFd root, open_at(AT_FDCWD, *layer, O_PATH | O_DIRECTORY));
    CGW_ASSIGN(const Found found, look(root.get(), path, text));
    if (found != Found::further_down) break;
  }
  return text;
}

}  // namespace cgwarden::agent
