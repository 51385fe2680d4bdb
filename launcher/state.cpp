#include "launcher/state.h"

#include <nlohmann/json.hpp>

#include <cstdint>
#include <limits>
#include <utility>

#include "base/file.h"
#include "base/text.h"
#include "launcher/json.h"

namespace cgwarden::launcher {
namespace {

using nlohmann::json;

// Reads members of one object. A missing required member or a wrong type is kept as the first
// fault; unknown members are ignored, so that an older agent can read a newer shim's file.
class MemberReader {
 public:
  MemberReader(const json& object, std::string path, std::string& fault)
      : object_(object), path_(std::move(path)), fault_(fault) {
    if (!object_.is_object()) complain("", "must be an object");
  }
  // nullptr when absent (or null).
  const json* find(const char* name) const {
    if (!object_.is_object()) return nullptr;
    const auto found = object_.find(name);
    return found == object_.end() || found->is_null() ? nullptr : &*found;
  }
  template <typename Integer>
  Integer integer(const char* name) {
    const json* value = find(name);
    if (value == nullptr) {
      complain(name, "is missing");
      return {};
    }
    if (value->is_number_unsigned() && std::in_range<Integer>(value->get<std::uint64_t>())) {
      return static_cast<Integer>(value->get<std::uint64_t>());
    }
    if (value->is_number_integer() && !value->is_number_unsigned() &&
        std::in_range<Integer>(value->get<std::int64_t>())) {
      return static_cast<Integer>(value->get<std::int64_t>());
    }
    complain(name, "must be a whole number in range");
    return {};
  }
  template <typename Integer>
  std::optional<Integer> optional_integer(const char* name) {
    if (find(name) == nullptr) return std::nullopt;
    return integer<Integer>(name);
  }
  std::string string(const char* name) {
    const json* value = find(name);
    if (value == nullptr) {
      complain(name, "is missing");
      return {};
    }
    if (!value->is_string()) {
      complain(name, "must be a string");
      return {};
    }
    return value->get<std::string>();
  }
  bool boolean(const char* name) {
    const json* value = find(name);
    if (value != nullptr && value->is_boolean()) return value->get<bool>();
    complain(name, value == nullptr ? "is missing" : "must be true or false");
    return false;
  }
  void version() {
    const auto number = integer<int>("version");
    if (fault_.empty() && number != kStateVersion) {
      complain("version", "is " + std::to_string(number) + ", this program reads version " +
                              std::to_string(kStateVersion));
    }
  }
  void complain(const std::string& name, const std::string& what) {
    if (!fault_.empty()) return;
    fault_ = path_ + (path_.empty() || name.empty() ? "" : ".") + name;
    fault_ += (fault_.empty() ? "the document " : " ") + what;
  }
  [[nodiscard]] std::string name_of(const char* name) const {
    return path_.empty() ? name : path_ + "." + name;
  }
  [[nodiscard]] std::string& fault() { return fault_; }

 private:
  const json& object_;
  std::string path_;
  std::string& fault_;
};

json write_time(TimePoint time) {
  return {{"boottime_usec", time.boottime.count()}, {"wall_usec", time.wall.count()}};
}

TimePoint read_time(MemberReader& parent, const char* name) {
  const json* value = parent.find(name);
  if (value == nullptr) {
    parent.complain(name, "is missing");
    return {};
  }
  MemberReader reader(*value, parent.name_of(name), parent.fault());
  TimePoint time;
  time.boottime = Usec(reader.integer<std::uint64_t>("boottime_usec"));
  time.wall = Usec(reader.integer<std::uint64_t>("wall_usec"));
  return time;
}

json write_wait(const WaitStatus& wait) { return {{"code", wait.code}, {"status", wait.status}}; }

std::optional<WaitStatus> read_wait(MemberReader& parent, const char* name) {
  const json* value = parent.find(name);
  if (value == nullptr) return std::nullopt;
  MemberReader reader(*value, parent.name_of(name), parent.fault());
  WaitStatus wait;
  wait.code = reader.integer<int>("code");
  wait.status = reader.integer<int>("status");
  return wait;
}

json write_launch_error(const LaunchError& error) {
  return {{"stage", error.stage}, {"errno", error.errno_value}, {"text", printable(error.text)}};
}

std::optional<LaunchError> read_launch_error(MemberReader& parent, const char* name) {
  const json* value = parent.find(name);
  if (value == nullptr) return std::nullopt;
  MemberReader reader(*value, parent.name_of(name), parent.fault());
  LaunchError error;
  error.stage = reader.string("stage");
  error.errno_value = reader.integer<int>("errno");
  error.text = reader.string("text");
  return error;
}

json write_files(const std::map<std::string, std::string>& files) {
  json result = json::object();
  for (const auto& [name, text] : files) result[name] = text;
  return result;
}

std::map<std::string, std::string> read_files(MemberReader& parent, const char* name) {
  std::map<std::string, std::string> files;
  const json* value = parent.find(name);
  if (value == nullptr) return files;
  if (!value->is_object()) {
    parent.complain(name, "must be an object");
    return files;
  }
  for (const auto& [file, text] : value->items()) {
    if (!text.is_string()) {
      parent.complain(std::string(name) + "." + file, "must be a string");
      return files;
    }
    files[file] = text.get<std::string>();
  }
  return files;
}

std::vector<CgroupCapture> read_captures(MemberReader& parent) {
  std::vector<CgroupCapture> captures;
  const json* list = parent.find("cgroups");
  if (list == nullptr) return captures;
  if (!list->is_array()) {
    parent.complain("cgroups", "must be an array");
    return captures;
  }
  for (const json& item : *list) {
    MemberReader reader(item, "cgroups[" + std::to_string(captures.size()) + "]", parent.fault());
    CgroupCapture capture;
    capture.path = reader.string("path");
    capture.id = CgroupId{reader.integer<std::uint64_t>("id")};
    capture.before = read_files(reader, "before");
    capture.outlived = read_files(reader, "outlived");
    capture.after = read_files(reader, "after");
    captures.push_back(std::move(capture));
  }
  return captures;
}

json write_descriptors(const DescriptorUse& use) {
  return {{"pid", use.pid},     {"comm", use.comm},         {"open", use.open},
          {"limit", use.limit}, {"at", write_time(use.at)}, {"at_words", use.at_words}};
}

std::optional<DescriptorUse> read_descriptors(MemberReader& parent) {
  const json* value = parent.find("descriptors");
  if (value == nullptr) return std::nullopt;
  MemberReader reader(*value, "descriptors", parent.fault());
  DescriptorUse use;
  use.pid = reader.integer<pid_t>("pid");
  use.comm = reader.string("comm");
  use.open = reader.integer<std::uint64_t>("open");
  use.limit = reader.integer<std::uint64_t>("limit");
  use.at = read_time(reader, "at");
  use.at_words = reader.boolean("at_words");
  return use;
}

json write_filesystems(const std::vector<FilesystemRoom>& filesystems) {
  json list = json::array();
  for (const auto& room : filesystems) {
    list.push_back({{"mount", room.mount},
                    {"type", room.type},
                    {"size_bytes", room.size.value},
                    {"available_bytes", room.available.value},
                    {"inodes", room.inodes},
                    {"inodes_available", room.inodes_available}});
  }
  return list;
}

std::vector<FilesystemRoom> read_filesystems(MemberReader& parent) {
  std::vector<FilesystemRoom> filesystems;
  const json* list = parent.find("filesystems");
  if (list == nullptr) return filesystems;
  if (!list->is_array()) {
    parent.complain("filesystems", "must be an array");
    return filesystems;
  }
  for (const json& item : *list) {
    MemberReader reader(item, "filesystems[" + std::to_string(filesystems.size()) + "]",
                        parent.fault());
    FilesystemRoom room;
    room.mount = reader.string("mount");
    room.type = reader.string("type");
    room.size = Bytes{reader.integer<std::uint64_t>("size_bytes")};
    room.available = Bytes{reader.integer<std::uint64_t>("available_bytes")};
    room.inodes = reader.integer<std::uint64_t>("inodes");
    room.inodes_available = reader.integer<std::uint64_t>("inodes_available");
    filesystems.push_back(std::move(room));
  }
  return filesystems;
}

// All text that goes in is made printable or comes from the kernel; `replace` is for what may still
// not be UTF-8 (a cgroup name may be any bytes).
template <typename T>
Result<T> finished(T value, std::string fault, const char* operation, const std::string& where) {
  if (!fault.empty()) return fail(Error::malformed(operation, where, std::move(fault)));
  return value;
}

}  // namespace

std::string to_json(const RunningStatus& status) {
  json document{{"version", kStateVersion},
                {"name", status.name},
                {"incarnation", status.incarnation},
                {"shim_pid", status.shim_pid},
                {"shim_start_time", status.shim_start_time},
                {"pid", status.pid},
                {"main_pid", status.main_pid},
                {"started", write_time(status.started)},
                {"cgroup", status.cgroup}};
  if (status.pid_start_time) document["pid_start_time"] = *status.pid_start_time;
  return dump_line(document);
}

Result<RunningStatus> parse_running_status(const std::string& text, const std::string& where) {
  static constexpr const char* kOperation = "read the status";
  CGW_ASSIGN(const json document, parse_json_object(text, kOperation, where));
  std::string fault;
  MemberReader reader(document, "", fault);
  reader.version();
  RunningStatus status;
  status.name = reader.string("name");
  status.incarnation = reader.integer<unsigned>("incarnation");
  status.shim_pid = reader.integer<pid_t>("shim_pid");
  status.shim_start_time = reader.integer<std::uint64_t>("shim_start_time");
  status.pid = reader.integer<pid_t>("pid");
  status.pid_start_time = reader.optional_integer<std::uint64_t>("pid_start_time");
  status.main_pid = reader.integer<pid_t>("main_pid");
  status.started = read_time(reader, "started");
  status.cgroup = reader.string("cgroup");
  return finished(std::move(status), std::move(fault), kOperation, where);
}

std::string to_json(const ExitRecord& record) {
  json document{{"version", kStateVersion},          {"name", record.name},
                {"incarnation", record.incarnation}, {"pid", record.pid},
                {"main_pid", record.main_pid},       {"started", write_time(record.started)},
                {"ended", write_time(record.ended)}, {"max_rss_bytes", record.max_rss.value},
                {"user_usec", record.user.count()},  {"system_usec", record.system.count()},
                {"stderr_tail", record.stderr_tail}, {"cgroups", json::array()}};
  if (record.outlived) document["outlived"] = write_time(*record.outlived);
  if (record.wait) document["wait"] = write_wait(*record.wait);
  if (record.init_wait) document["init_wait"] = write_wait(*record.init_wait);
  if (record.launch_error) document["launch_error"] = write_launch_error(*record.launch_error);
  if (record.stdout_dropped) document["stdout_dropped_bytes"] = record.stdout_dropped->value;
  if (record.stderr_dropped) document["stderr_dropped_bytes"] = record.stderr_dropped->value;
  if (record.descriptors) document["descriptors"] = write_descriptors(*record.descriptors);
  if (!record.filesystems.empty()) document["filesystems"] = write_filesystems(record.filesystems);
  for (const auto& capture : record.cgroups) {
    document["cgroups"].push_back({{"path", capture.path},
                                   {"id", capture.id.value},
                                   {"before", write_files(capture.before)},
                                   {"outlived", write_files(capture.outlived)},
                                   {"after", write_files(capture.after)}});
  }
  return dump_line(document);
}

Result<ExitRecord> parse_exit_record(const std::string& text, const std::string& where) {
  static constexpr const char* kOperation = "read the exit record";
  CGW_ASSIGN(const json document, parse_json_object(text, kOperation, where));
  std::string fault;
  MemberReader reader(document, "", fault);
  reader.version();
  ExitRecord record;
  record.name = reader.string("name");
  record.incarnation = reader.integer<unsigned>("incarnation");
  record.pid = reader.integer<pid_t>("pid");
  record.main_pid = reader.integer<pid_t>("main_pid");
  record.started = read_time(reader, "started");
  record.ended = read_time(reader, "ended");
  if (reader.find("outlived") != nullptr) record.outlived = read_time(reader, "outlived");
  record.wait = read_wait(reader, "wait");
  record.init_wait = read_wait(reader, "init_wait");
  record.launch_error = read_launch_error(reader, "launch_error");
  record.max_rss = Bytes{reader.integer<std::uint64_t>("max_rss_bytes")};
  record.user = Usec(reader.integer<std::uint64_t>("user_usec"));
  record.system = Usec(reader.integer<std::uint64_t>("system_usec"));
  if (const auto count = reader.optional_integer<std::uint64_t>("stdout_dropped_bytes")) {
    record.stdout_dropped = Bytes{*count};
  }
  if (const auto count = reader.optional_integer<std::uint64_t>("stderr_dropped_bytes")) {
    record.stderr_dropped = Bytes{*count};
  }
  record.stderr_tail = reader.string("stderr_tail");
  record.descriptors = read_descriptors(reader);
  record.filesystems = read_filesystems(reader);
  record.cgroups = read_captures(reader);
  return finished(std::move(record), std::move(fault), kOperation, where);
}

Result<std::uint64_t> process_start_time(pid_t pid) {
  const std::string path = "/proc/" + std::to_string(pid) + "/stat";
  CGW_ASSIGN(const std::string text, read_file(path, 4096));
  // The name (field 2) may hold blanks and brackets: the fields go on after the last ')'.
  const std::size_t name_end = text.rfind(')');
  if (name_end == std::string::npos) {
    return fail(Error::malformed("read", path, "it has no process name"));
  }
  const auto fields = split(trim(std::string_view(text).substr(name_end + 1)), ' ');
  constexpr std::size_t kStartTime = 22 - 3;
  const auto value =
      fields.size() > kStartTime ? parse_integer<std::uint64_t>(fields[kStartTime]) : std::nullopt;
  if (!value) return fail(Error::malformed("read", path, "it has no start time"));
  return *value;
}

std::string go_message(const std::string& cgroup) { return dump_line({{"cgroup", cgroup}}); }

Result<std::string> parse_go_message(const std::string& text) {
  static constexpr const char* kOperation = "read the go message";
  CGW_ASSIGN(const json document, parse_json_object(text, kOperation, "control socket"));
  std::string fault;
  MemberReader reader(document, "", fault);
  std::string cgroup = reader.string("cgroup");
  if (!cgroup.starts_with('/')) reader.complain("cgroup", "must be an absolute path");
  return finished(std::move(cgroup), std::move(fault), kOperation, "control socket");
}

std::string to_json(const ShimReply& reply) {
  if (reply.error) return dump_line({{"error", write_launch_error(*reply.error)}});
  return dump_line({{"pid", reply.pid}, {"main_pid", reply.main_pid}});
}

Result<ShimReply> parse_shim_reply(const std::string& text) {
  static constexpr const char* kOperation = "read the shim's reply";
  CGW_ASSIGN(const json document, parse_json_object(text, kOperation, "control socket"));
  std::string fault;
  MemberReader reader(document, "", fault);
  ShimReply reply;
  reply.error = read_launch_error(reader, "error");
  if (!reply.error) {
    reply.pid = reader.integer<pid_t>("pid");
    reply.main_pid = reader.integer<pid_t>("main_pid");
  }
  return finished(std::move(reply), std::move(fault), kOperation, "control socket");
}

}  // namespace cgwarden::launcher
