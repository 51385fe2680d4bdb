#include <gtest/gtest.h>

#include <array>
#include <cstdint>
#include <limits>
#include <map>
#include <optional>
#include <random>
#include <string>
#include <vector>

#include "launcher/spec.h"

// Law: reading what was written gives the same Spec, for random values of every member of the
// model. The shim gets its Spec as config.json, so that a member left out here is lost there.
namespace cgwarden::launcher {
namespace {

class RandomSpec {
 public:
  explicit RandomSpec(std::uint32_t seed) : random_(seed) {}
  Spec spec();

 private:
  bool coin() { return random_() % 2 == 0; }
  template <typename Integer>
  Integer number() {
    // The ends of the range are where a narrowing would show.
    const std::array<Integer, 3> ends{std::numeric_limits<Integer>::min(), Integer{0},
                                      std::numeric_limits<Integer>::max()};
    if (coin()) return ends[random_() % ends.size()];
    return static_cast<Integer>((std::uint64_t{random_()} << 32U) | random_());
  }
  template <typename Integer>
  Integer below(Integer end) {
    return static_cast<Integer>(random_() % static_cast<std::uint64_t>(end));
  }
  template <typename Make>
  auto maybe(const Make& make) {
    return coin() ? std::optional(make()) : std::nullopt;
  }
  template <typename Make>
  auto some(const Make& make) {
    std::vector<decltype(make())> list(random_() % 3);
    for (auto& item : list) item = make();
    return list;
  }
  std::string word() {
    static const std::array<const char*, 7> words{"a", "B c", "ä\n", "\"\\/", "x=y,z", "€", "\x7f"};
    std::string result = words[random_() % words.size()];
    return coin() ? result + std::to_string(random_()) : result;
  }
  std::string maybe_word() { return coin() ? word() : std::string(); }
  std::string path() { return "/" + word(); }
  template <typename Choices>
  std::string one_of(const Choices& choices) {
    return choices[random_() % choices.size()];
  }
  auto words() {
    return some([this] { return word(); });
  }
  auto paths() {
    return some([this] { return path(); });
  }
  // At least one.
  auto more_words() {
    auto list = words();
    list.push_back(word());
    return list;
  }
  auto text_map() {
    std::map<std::string, std::string> map;
    for (const auto& key : words()) map[key] = maybe_word();
    return map;
  }
  IdMapping mapping() {
    return {number<std::uint32_t>(), number<std::uint32_t>(), number<std::uint32_t>()};
  }
  auto mappings() {
    return some([this] { return mapping(); });
  }
  std::vector<std::string> capabilities() {
    return coin() ? default_capabilities() : std::vector<std::string>{"CAP_KILL", "CAP_BPF"};
  }

  Process process();
  Mount mount();
  Hook hook();
  Hooks hooks();
  Resources resources();
  Resources::BlockIo block_io();
  DeviceRate rate();
  Seccomp seccomp();
  SeccompRule rule();
  Device device();
  void name_spaces(Spec& spec);

  std::mt19937 random_;
};

Process RandomSpec::process() {
  Process process;
  process.args = more_words();
  process.env = words();
  process.cwd = path();
  process.terminal = coin();
  if (process.terminal) {
    process.console_size =
        maybe([&] { return ConsoleSize{number<unsigned>(), number<unsigned>()}; });
  }
  process.user = {.uid = number<uid_t>(),
                  .gid = number<gid_t>(),
                  .additional_gids = some([&] { return number<gid_t>(); }),
                  .umask = maybe([&] { return below<mode_t>(01000); })};
  process.capabilities = {.bounding = capabilities(),
                          .effective = capabilities(),
                          .inheritable = capabilities(),
                          .permitted = capabilities(),
                          .ambient = capabilities()};
  if (coin()) {
    process.rlimits = {{"RLIMIT_NOFILE", number<std::uint64_t>(), number<std::uint64_t>()},
                       {"RLIMIT_CORE", number<std::uint64_t>(), number<std::uint64_t>()}};
  }
  process.no_new_privileges = coin();
  process.oom_score_adj = maybe([&] { return below(2001) - 1000; });
  process.apparmor_profile = maybe_word();
  process.selinux_label = maybe_word();
  process.scheduler = maybe([&] {
    return Scheduler{.policy = word(),
                     .nice = number<std::int32_t>(),
                     .priority = number<std::int32_t>(),
                     .flags = words(),
                     .runtime_nsec = number<std::uint64_t>(),
                     .deadline_nsec = number<std::uint64_t>(),
                     .period_nsec = number<std::uint64_t>()};
  });
  static const std::array<const char*, 3> classes{"IOPRIO_CLASS_RT", "IOPRIO_CLASS_BE",
                                                  "IOPRIO_CLASS_IDLE"};
  process.io_priority = maybe([&] { return IoPriority{one_of(classes), below(8)}; });
  process.exec_cpu_affinity = maybe([&] { return CpuAffinity{maybe_word(), maybe_word()}; });
  return process;
}

Mount RandomSpec::mount() {
  Mount mount{.destination = path(), .type = word(), .source = maybe_word(), .options = words()};
  if (coin()) {
    mount = {.destination = path(), .type = "", .source = word(), .options = {"rbind", word()}};
  }
  if (coin()) {
    mount.uid_mappings = {mapping(), mapping()};
    mount.gid_mappings = {mapping()};
  }
  return mount;
}

Hook RandomSpec::hook() {
  return {.path = path(), .args = words(), .env = words(), .timeout_sec = maybe([&] {
                                                             return number<unsigned>() | 1U;
                                                           })};
}

Hooks RandomSpec::hooks() {
  const auto list = [this] { return some([this] { return hook(); }); };
  return {.prestart = list(),
          .create_runtime = list(),
          .create_container = list(),
          .start_container = list(),
          .poststart = list(),
          .poststop = list()};
}

DeviceRate RandomSpec::rate() {
  return {below(std::int64_t{1} << 40), below(std::int64_t{1} << 40), number<std::uint64_t>()};
}

Resources::BlockIo RandomSpec::block_io() {
  const auto rates = [this] { return some([this] { return rate(); }); };
  return {.weight = maybe([&] { return number<std::uint16_t>(); }),
          .weight_device = some([&] {
            return DeviceWeight{below<std::int64_t>(4096), below<std::int64_t>(4096),
                                number<std::uint16_t>()};
          }),
          .read_bps = rates(),
          .write_bps = rates(),
          .read_iops = rates(),
          .write_iops = rates()};
}

Resources RandomSpec::resources() {
  Resources resources;
  const auto limit = [&] { return coin() ? -1 : below(std::numeric_limits<std::int64_t>::max()); };
  const auto signed_number = [&] { return number<std::int64_t>(); };
  const auto unsigned_number = [&] { return number<std::uint64_t>(); };
  static const std::array<const char*, 3> types{"a", "b", "c"};
  static const std::array<const char*, 4> accesses{"r", "rw", "m", "rwm"};
  resources.devices = some([&] {
    return DeviceRule{.allow = coin(),
                      .type = one_of(types).front(),
                      .major = maybe([&] { return below<std::int64_t>(4096); }),
                      .minor = maybe([&] { return below<std::int64_t>(4096); }),
                      .access = one_of(accesses)};
  });
  resources.memory = {.limit = maybe(limit),
                      .reservation = maybe(limit),
                      .swap = maybe(limit),
                      .check_before_update = coin()};
  resources.cpu = {.shares = maybe(unsigned_number),
                   .quota_usec = maybe(signed_number),
                   .period_usec = maybe(unsigned_number),
                   .burst_usec = maybe(unsigned_number),
                   .idle = maybe(signed_number),
                   .cpus = maybe_word(),
                   .mems = maybe_word()};
  resources.pids_limit = maybe(limit);
  resources.block_io = block_io();
  if (coin()) resources.hugepage_limits = {{"2MB", unsigned_number()}, {"1GB", unsigned_number()}};
  if (coin()) resources.rdma["mlx5_1"].hca_handles = number<std::uint32_t>();
  if (coin()) resources.rdma["rxe3"].hca_objects = number<std::uint32_t>();
  if (coin()) resources.unified = {{"memory.high", word()}, {"hugetlb.1GB.max", maybe_word()}};
  return resources;
}

SeccompRule RandomSpec::rule() {
  const bool has_errno = coin();
  return {.names = more_words(),
          .action = has_errno ? "SCMP_ACT_TRACE" : word(),
          .errno_ret = has_errno ? std::optional(number<std::uint32_t>()) : std::nullopt,
          .args = some([&] {
            return SeccompArgument{below(6U), number<std::uint64_t>(), number<std::uint64_t>(),
                                   word()};
          })};
}

Seccomp RandomSpec::seccomp() {
  const bool has_errno = coin();
  Seccomp seccomp{
      .default_action = has_errno ? "SCMP_ACT_ERRNO" : word(),
      .default_errno_ret = has_errno ? std::optional(number<std::uint32_t>()) : std::nullopt,
      .architectures = words(),
      .flags = maybe([&] { return words(); }),
      .listener_path = maybe_word(),
      .listener_metadata = "",
      .syscalls = some([&] { return rule(); })};
  if (!seccomp.listener_path.empty()) seccomp.listener_metadata = maybe_word();
  return seccomp;
}

Device RandomSpec::device() {
  static const std::array<const char*, 4> types{"c", "u", "b", "p"};
  return {.path = path(),
          .type = one_of(types).front(),
          .major = below<std::int64_t>(4096),
          .minor = below<std::int64_t>(1048576),
          .file_mode = maybe([&] { return below<mode_t>(010000); }),
          .uid = maybe([&] { return number<uid_t>(); }),
          .gid = maybe([&] { return number<gid_t>(); })};
}

void RandomSpec::name_spaces(Spec& spec) {
  for (int i = 0; i <= static_cast<int>(NamespaceType::time); ++i) {
    if (coin()) {
      spec.namespaces.push_back({static_cast<NamespaceType>(i), coin() ? path() : std::string()});
    }
  }
  spec.uid_mappings = mappings();
  spec.gid_mappings = mappings();
  for (const auto* clock : {"monotonic", "boottime"}) {
    if (coin()) {
      spec.time_offsets[clock] = {number<std::int64_t>(), below<std::uint32_t>(1000000000)};
    }
  }
}

Spec RandomSpec::spec() {
  static const std::array<const char*, 4> versions{"1.0.2-dev", "1.1.0", "1.2.0", "1.3.0-rc.1"};
  static const std::array<const char*, 4> propagations{"", "rslave", "shared", "unbindable"};
  Spec spec;
  spec.oci_version = one_of(versions);
  spec.has_process = random_() % 8 != 0;
  if (spec.has_process) spec.process = process();
  spec.root_path = word();
  spec.root_readonly = coin();
  spec.hostname = maybe_word();
  spec.domainname = maybe_word();
  spec.mounts = some([&] { return mount(); });
  spec.hooks = hooks();
  name_spaces(spec);
  spec.devices = some([&] { return device(); });
  if (coin()) spec.net_devices = {{"eth0", {}}, {"ens4", {"net%d"}}};
  spec.cgroups_path = maybe_word();
  spec.resources = resources();
  if (spec.resources.pids_limit == 0)
    spec.resources.pids_limit = 1;  // what 0 is depends on the version
  spec.sysctl = text_map();
  spec.seccomp_config = maybe([&] { return seccomp(); });
  const bool profile = !spec.seccomp_config && coin();
  spec.seccomp = profile ? SeccompProfile::container_default : SeccompProfile::unconfined;
  spec.rootfs_propagation = one_of(propagations);
  spec.masked_paths = paths();
  spec.readonly_paths = paths();
  spec.mount_label = maybe_word();
  spec.memory_policy = maybe([&] {
    return MemoryPolicy{.mode = coin() ? "MPOL_BIND" : "MPOL_LOCAL",
                        .nodes = coin() ? "0-3,7" : "",
                        .flags = coin() ? std::vector<std::string>{"MPOL_F_STATIC_NODES"}
                                        : std::vector<std::string>{}};
  });
  spec.personality = maybe([&] { return Personality{coin() ? "LINUX" : "LINUX32"}; });
  spec.init = coin();
  spec.annotations = text_map();
  return spec;
}

TEST(ConfigRoundtripTest, ReadingWhatWasWrittenGivesTheSameSpec) {
  for (std::uint32_t seed = 0; seed < 200; ++seed) {
    const Spec spec = RandomSpec(seed).spec();
    const std::string text = to_config(spec);
    std::vector<std::string> warnings;
    const auto again = parse_config(text, "config.json", &warnings);
    ASSERT_TRUE(again) << "seed " << seed << ": " << again.error().sentence() << '\n' << text;
    ASSERT_EQ(*again == spec, true) << "seed " << seed << '\n' << text << to_config(*again);
    ASSERT_TRUE(warnings.empty()) << "seed " << seed << ": " << warnings.front();
  }
}

}  // namespace
}  // namespace cgwarden::launcher
