#include <fcntl.h>
#include <fmt/format.h>
#include <nlohmann/json.hpp>
#include <sys/stat.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <filesystem>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "agent/packaged_tool.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/program.h"
#include "base/text.h"
#include "base/unique_fd.h"
#include "cli/commands.h"
#include "cli/exit_code.h"
#include "cli/local_time.h"
#include "cli/terminal.h"

// `cgwarden bundle`: what this program itself says of a workload, each answer a file of one
// archive, so that whoever reads a ticket sees what was to be seen on the node.
namespace cgwarden::cli {
namespace {

constexpr std::size_t kMostControlFile = 256U * 1024U;

// A directory of our own that goes with us.
class Scratch {
 public:
  static Result<Scratch> create() {
    std::string path = (std::filesystem::temp_directory_path() / "cgwarden-bundle.XXXXXX").string();
    if (::mkdtemp(path.data()) == nullptr) return fail(Error::from_errno(errno, "create", path));
    return Scratch(std::move(path));
  }
  Scratch(Scratch&& other) noexcept : path_(std::exchange(other.path_, {})) {}
  Scratch& operator=(Scratch&&) = delete;
  ~Scratch() {
    std::error_code ignored;
    if (!path_.empty()) std::filesystem::remove_all(path_, ignored);
  }
  [[nodiscard]] const std::string& path() const { return path_; }

 private:
  explicit Scratch(std::string path) : path_(std::move(path)) {}
  std::string path_;
};

struct Part {
  std::string file;
  std::vector<std::string> words;  // of a command of ours
};

std::vector<Part> parts_of(const std::string& name) {
  return {
      {"why.txt", {"why", name}},
      {"why.json", {"why", name, "--json"}},
      {"events.json", {"events", "--json", "--cgroup", name}},
      {"kernel-log.txt", {"kmsg", name}},
      {"history.txt", {"history", name}},
      {"samples.csv", {"dump", "-O", "csv", "--since", "1h", "--cgroup", name}},
      {"inspect.json", {"inspect", name}},
      {"stdout.log", {"logs", name, "--stdout", "-n", "1000"}},
      {"stderr.log", {"logs", name, "--stderr", "-n", "1000"}},
      {"audit.txt", {"audit", name}},
      {"ps.json", {"ps", "--json"}},
      {"doctor.txt", {"doctor"}},
      {"version.txt", {"version"}},
  };
}

std::vector<std::string> with_directories(const Common& common,
                                          const std::vector<std::string>& of) {
  std::vector<std::string> words{"cgwarden", "--runtime-dir", common.where.runtime_dir,
                                 "--state-dir", common.where.state_dir};
  if (!common.where.cgroup_root.empty()) {
    words.insert(words.end(), {"--cgroup-root", common.where.cgroup_root});
  }
  words.insert(words.end(), of.begin(), of.end());
  return words;
}

Result<UniqueFd> new_file(const std::string& path) {
  return open_at(AT_FDCWD, path, O_WRONLY | O_CREAT | O_EXCL, 0600);
}

// The exit status, or 128 + N of signal N.
Result<int> wait_for(pid_t pid) {
  int status = 0;
  while (::waitpid(pid, &status, 0) < 0) {
    if (errno != EINTR) return fail(Error::from_errno(errno, "wait for", "cgwarden"));
  }
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

// Its standard output becomes the file, what it says on standard error is returned.
Result<std::pair<int, std::string>> answer_into(const std::string& path,
                                                const std::vector<std::string>& words) {
  CGW_ASSIGN(const UniqueFd output, new_file(path));
  CGW_ASSIGN(const UniqueFd errors, memory_file(""));
  CGW_ASSIGN(const pid_t pid,
             start_program({.path = "/proc/self/exe",
                            .words = words,
                            .environment = own_environment(),
                            .descriptors = {Program::kNull, output.get(), errors.get()}}));
  CGW_ASSIGN(const int status, wait_for(pid));
  if (::lseek(errors.get(), 0, SEEK_SET) < 0) {
    return fail(Error::from_errno(errno, "read", "what cgwarden said"));
  }
  CGW_ASSIGN(std::string said, read_all(errors.get(), "what cgwarden said", 1U << 20U));
  return std::pair(status, std::move(said));
}

std::string machine_text() {
  utsname name{};
  std::string text;
  if (::uname(&name) == 0) {
    text = fmt::format("{} {} {} {}\n", name.sysname, name.release, name.version, name.machine);
  }
  for (const char* file :
       {"/proc/sys/kernel/random/boot_id", "/proc/uptime", "/etc/os-release", "/proc/meminfo",
        "/proc/pressure/cpu", "/proc/pressure/memory", "/proc/pressure/io", "/proc/cmdline"}) {
    const auto content = read_file(file, kMostControlFile);
    text +=
        fmt::format("\n==> {} <==\n{}\n", file, content ? *content : content.error().sentence());
  }
  return text;
}

// The files of one cgroup as they are, like `head *` shows them.
std::string cgroup_text(const std::filesystem::path& directory) {
  std::string text;
  std::error_code error;
  std::vector<std::filesystem::path> files;
  for (const auto& entry : std::filesystem::directory_iterator(directory, error)) {
    if (entry.is_regular_file(error)) files.push_back(entry.path());
  }
  std::ranges::sort(files);
  for (const auto& file : files) {
    if (::access(file.c_str(), R_OK) != 0) continue;
    const auto content = read_file(file.string(), kMostControlFile);
    if (!content) continue;  // its controller has no value to give now
    text += fmt::format("==> {} <==\n{}\n", file.filename().string(), *content);
  }
  return text;
}

// The cgroup of a living workload and its ancestors; nothing of one that has ended.
std::vector<std::pair<std::string, std::string>> cgroup_files(const std::string& why_json,
                                                              const std::string& root) {
  const auto document = nlohmann::json::parse(why_json, nullptr, /*allow_exceptions=*/false);
  if (!document.is_object() || !document.contains("running")) return {};
  const auto cgroup = document["running"].value("cgroup", std::string());
  if (cgroup.empty() || cgroup.find("..") != std::string::npos) return {};
  std::vector<std::pair<std::string, std::string>> files;
  std::size_t level = 0;
  for (std::filesystem::path path(cgroup);; path = path.parent_path()) {
    std::string text = cgroup_text(root + path.string());
    if (!text.empty()) {
      files.emplace_back(fmt::format("cgroup-{}.txt", level++),
                         "# " + printable(path.string()) + "\n" + std::move(text));
    }
    if (path == path.parent_path()) return files;
  }
}

// What a file can be called after it: a name may be a path or a key.
std::string file_name(std::string name) {
  std::ranges::replace_if(name, [](char letter) { return letter == '/' || letter == ':'; }, '_');
  return name;
}

std::string default_file(const std::string& name) {
  const std::time_t now = std::time(nullptr);
  std::tm utc{};
  ::gmtime_r(&now, &utc);
  char text[32];
  std::strftime(text, sizeof text, "%Y%m%dT%H%M%SZ", &utc);
  return fmt::format("cgwarden-{}-{}.tar.gz", file_name(name), text);
}

Status put(const std::string& path, std::string_view text) {
  CGW_ASSIGN(const UniqueFd file, new_file(path));
  return write_all(file.get(), text, path);
}

// The members, and how each came about.
Result<nlohmann::json> collect(const Common& common, const std::string& name,
                               const std::string& directory) {
  nlohmann::json manifest = nlohmann::json::array();
  for (const Part& part : parts_of(name)) {
    const auto answer =
        answer_into(directory + "/" + part.file, with_directories(common, part.words));
    if (!answer) return fail(answer.error());
    nlohmann::json row{
        {"file", part.file}, {"command", part.words}, {"exit_status", answer->first}};
    if (!answer->second.empty()) row["stderr"] = printable(answer->second);
    manifest.push_back(std::move(row));
  }
  CGW_TRY(put(directory + "/machine.txt", machine_text()));
  manifest.push_back({{"file", "machine.txt"}});
  const auto why = read_file(directory + "/why.json", 64U << 20U);
  const std::string root =
      common.where.cgroup_root.empty() ? "/sys/fs/cgroup" : common.where.cgroup_root;
  for (const auto& [file, text] : cgroup_files(why.value_or(""), root)) {
    CGW_TRY(put(directory + "/" + file, text));
    manifest.push_back({{"file", file}});
  }
  return manifest;
}

}  // namespace

int bundle(const Common& common, const BundleOptions& options) {
  use_utc();  // of its members too: whoever reads them may be anywhere
  const std::string target = options.output.empty() ? default_file(options.name) : options.output;
  auto scratch = Scratch::create();
  if (!scratch) return failed(scratch.error());
  const std::string top = "cgwarden-" + file_name(options.name);
  const std::string directory = scratch->path() + "/" + top;
  // Says that there is no such workload, with the right exit code.
  const auto known =
      answer_into(scratch->path() + "/known", with_directories(common, {"why", options.name}));
  if (!known) return failed(known.error());
  if (known->first != kOk && known->first != kVerdictUnknown) {
    std::fwrite(known->second.data(), 1, known->second.size(), stderr);
    return known->first;
  }
  if (const Status made = make_directories(directory, 0700); !made) return failed(made.error());
  auto manifest = collect(common, options.name, directory);
  if (!manifest) return failed(manifest.error());
  const nlohmann::json document{{"version", 1},
                                {"workload", options.name},
                                {"made", format_wall_utc(SystemClock().now().wall)},
                                {"members", *manifest}};
  if (const Status put_it = put(directory + "/manifest.json", document.dump(2) + "\n"); !put_it) {
    return failed(put_it.error());
  }
  // Made first: an archive that is there already is never written over.
  const auto output = new_file(target);
  if (!output) return failed(output.error());
  const auto packed =
      agent::run_tool({.package = "tar",
                       .words = {"tar", "--create", "--gzip", "--owner=0", "--group=0",
                                 "--sort=name", "--directory", scratch->path(), top},
                       .output_fd = output->get()});
  if (!packed || packed->status != 0) {
    ::unlink(target.c_str());
    return failed(packed ? Error{ErrorKind::io, 0, "pack", target, printable(packed->errors)}
                         : packed.error());
  }
  print(
      fmt::format("{}\nIt holds the last output of {} and facts of this machine: read it before "
                  "you send it.\n",
                  target, options.name));
  return kOk;
}

}  // namespace cgwarden::cli
