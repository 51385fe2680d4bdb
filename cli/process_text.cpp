#include "cli/process_text.h"

#include <charconv>
#include <cstdint>
#include <map>
#include <optional>

#include "base/text.h"

namespace cgwarden::cli {
namespace {

using diagnosis::audit::IdRange;

std::optional<std::uint64_t> parse_hex(std::string_view text) {
  std::uint64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value, 16);
  if (error != std::errc{} || end != text.data() + text.size() || text.empty()) return std::nullopt;
  return value;
}

// Words between any number of blanks and tabs.
std::vector<std::string_view> words(std::string_view text) {
  std::vector<std::string_view> found;
  while (!text.empty()) {
    const std::size_t end = std::min(text.find_first_of(" \t"), text.size());
    if (end > 0) found.push_back(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return found;
}

// The fields of a status text, each looked for once; remembers the first that is not as proc(5)
// says.
class Fields {
 public:
  explicit Fields(std::string_view text) {
    for (const auto line : split(text, '\n')) {
      const std::size_t colon = line.find(':');
      // The first of a name counts: no name can be forged, as the kernel escapes line ends in comm.
      if (colon != std::string_view::npos) {
        fields_.emplace(line.substr(0, colon), trim(line.substr(colon + 1)));
      }
    }
  }
  [[nodiscard]] std::optional<std::string_view> find(std::string_view name) const {
    const auto found = fields_.find(name);
    if (found == fields_.end()) return std::nullopt;
    return found->second;
  }
  std::uint64_t hex(std::string_view name) {
    const auto text = find(name);
    return checked(name, text ? parse_hex(*text) : std::nullopt);
  }
  template <typename Integer>
  Integer number(std::string_view name, std::size_t word = 0) {
    const auto text = find(name);
    const auto list = text ? words(*text) : std::vector<std::string_view>{};
    return checked(name, word < list.size() ? parse_integer<Integer>(list[word]) : std::nullopt);
  }
  [[nodiscard]] const std::string& bad() const { return bad_; }

 private:
  template <typename T>
  T checked(std::string_view name, std::optional<T> value) {
    if (!value && bad_.empty()) bad_ = name;
    return value.value_or(T{});
  }
  std::map<std::string_view, std::string_view> fields_;
  std::string bad_;
};

}  // namespace

Result<StatusText> parse_status(std::string_view text, const std::string& where) {
  static constexpr std::size_t kEffective = 1;  // Uid: real, effective, saved, file system
  Fields fields(text);
  StatusText status;
  status.process = {.effective_uid = fields.number<std::uint32_t>("Uid", kEffective),
                    .inheritable = fields.hex("CapInh"),
                    .permitted = fields.hex("CapPrm"),
                    .effective = fields.hex("CapEff"),
                    .bounding = fields.hex("CapBnd"),
                    .no_new_privs = fields.number<unsigned>("NoNewPrivs") != 0,
                    .seccomp = fields.find("Seccomp") ? fields.number<unsigned>("Seccomp") : 0};
  status.comm = fields.find("Name").value_or("");
  // "Kthread" came with 6.8; these lines are left out without an address space in every version.
  status.kernel_thread = !fields.find("VmSize");
  const auto state = fields.find("State");
  if (!fields.bad().empty() || !state || state->empty()) {
    return fail(Error::malformed("read", where,
                                 "the line " + (fields.bad().empty() ? "State" : fields.bad()) +
                                     " is missing or not as proc(5) says"));
  }
  status.state = state->front();
  for (const auto word : words(fields.find("NSpid").value_or(""))) {
    if (const auto pid = parse_integer<pid_t>(word)) status.namespace_pids.push_back(*pid);
  }
  return status;
}

Result<std::vector<IdRange>> parse_id_map(std::string_view text, const std::string& where) {
  std::vector<IdRange> map;
  for (const auto line : split(text, '\n')) {
    const auto fields = words(line);
    if (fields.empty()) continue;
    if (fields.size() != 3) return fail(Error::malformed("read", where, "not a line of three ids"));
    const auto inside = parse_integer<std::uint32_t>(fields[0]);
    const auto outside = parse_integer<std::uint32_t>(fields[1]);
    const auto count = parse_integer<std::uint32_t>(fields[2]);
    if (!inside || !outside || !count) {
      return fail(Error::malformed("read", where, "an id is not a number of 32 bits"));
    }
    map.push_back({*inside, *outside, *count});
  }
  return map;
}

CgroupText parse_process_cgroup(std::string_view text) {
  CgroupText result;
  for (auto line : split(text, '\n')) {
    // "ID:CONTROLLERS:PATH"; the path may hold colons.
    const std::size_t first = line.find(':');
    const std::size_t second = first == std::string_view::npos ? first : line.find(':', first + 1);
    if (second == std::string_view::npos) continue;
    const auto controllers = line.substr(first + 1, second - first - 1);
    if (line.substr(0, first) == "0" && controllers.empty()) {
      result.unified = line.substr(second + 1);
      continue;
    }
    for (const auto name : split(controllers, ',')) result.v1_controllers.emplace_back(name);
  }
  return result;
}

}  // namespace cgwarden::cli
