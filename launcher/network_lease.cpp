#include "launcher/network_lease.h"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <set>

#include "base/file.h"
#include "base/limits.h"
#include "base/unique_directory.h"

namespace cgwarden::launcher {
namespace {

constexpr std::string_view kEnding = ".json";

StepResult<std::vector<std::string>> names_in(const std::string& path) {
  const UniqueDirectory directory(::opendir(path.c_str()));
  if (!directory) return failed("network", path);
  std::vector<std::string> names;
  while (const dirent* entry = ::readdir(directory.get())) {
    const std::string_view name = static_cast<const char*>(entry->d_name);
    // write_file_atomically() leaves a hidden file when it is killed.
    if (name.ends_with(kEnding) && !name.starts_with('.')) names.emplace_back(name);
  }
  std::ranges::sort(names);
  return names;
}

}  // namespace

bool is_stale(const Lease& lease) { return !is_alive(lease.holder) && !is_alive(lease.inhabitant); }

std::optional<Ipv4Address> free_address(const Ipv4Subnet& subnet,
                                        const std::vector<Lease>& leases) {
  std::set<std::uint32_t> used;
  for (const auto& lease : leases) {
    if (lease.network.mode == NetworkMode::bridge) used.insert(lease.address.number);
  }
  const std::uint32_t end = subnet.broadcast().number;
  for (std::uint32_t number = gateway_of(subnet).number + 1; number < end; ++number) {
    if (!used.contains(number)) return Ipv4Address{number};
  }
  return std::nullopt;
}

std::optional<PortClash> find_clash(const std::vector<PublishedPort>& ports,
                                    const std::vector<Lease>& leases) {
  for (const auto& lease : leases) {
    for (const auto& held : lease.network.ports) {
      const auto clash = std::ranges::find_if(
          ports, [&](const PublishedPort& port) { return port.clashes(held); });
      if (clash != ports.end()) return PortClash{lease.name, *clash};
    }
  }
  return std::nullopt;
}

StepResult<LeaseBook> LeaseBook::open(const std::string& state_dir) {
  if (const Status made = make_directories(state_dir, 0755); !made) {
    return refused("network", made.error().sentence());
  }
  UniqueFd lock(::open((state_dir + "/lock").c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600));
  if (!lock.valid()) return failed("network", state_dir + "/lock");
  while (::flock(lock.get(), LOCK_EX) != 0) {
    if (errno != EINTR) return failed("network", state_dir + "/lock");
  }
  LeaseBook book(state_dir, std::move(lock));
  CGW_TRY(book.load());
  return book;
}

Step LeaseBook::load() {
  CGW_ASSIGN(const auto names, names_in(directory_));
  for (const auto& name : names) {
    const std::string path = directory_ + "/" + name;
    const auto text = read_file(path, limits::kStateFileBytes);
    if (!text) return refused("network", text.error().sentence());
    auto lease = parse_lease(*text, path);
    if (!lease) {
      return refused("network", lease.error().sentence() +
                                    "; remove the file when no workload of that name runs");
    }
    leases_.push_back(*std::move(lease));
  }
  return {};
}

std::string LeaseBook::file_of(const std::string& name) const {
  return directory_ + "/" + name + std::string(kEnding);
}

const Lease* LeaseBook::find(const std::string& name) const {
  const auto found = std::ranges::find(leases_, name, &Lease::name);
  return found == leases_.end() ? nullptr : &*found;
}

Step LeaseBook::keep(const Lease& lease) {
  const Status written = write_file_atomically(file_of(lease.name), to_json(lease), 0644);
  if (!written) return refused("network", written.error().sentence());
  std::erase_if(leases_, [&](const Lease& other) { return other.name == lease.name; });
  leases_.push_back(lease);
  return {};
}

Step LeaseBook::erase(const std::string& name) {
  if (::unlink(file_of(name).c_str()) != 0 && errno != ENOENT) {
    return failed("network", file_of(name) + " cannot be removed");
  }
  std::erase_if(leases_, [&](const Lease& other) { return other.name == name; });
  return {};
}

}  // namespace cgwarden::launcher
