#include "launcher/shim_network.h"

#include <fcntl.h>
#include <syslog.h>
#include <unistd.h>

#include <algorithm>

#include "base/file.h"
#include "base/limits.h"
#include "launcher/network_files.h"
#include "launcher/state.h"

namespace cgwarden::launcher {
namespace {

// Every user of the workload resolves names.
constexpr mode_t kMode = 0644;

// In place: the mount shows this very file.
Step write_in_place(const std::string& path, const std::string& text) {
  const auto file = open_at(AT_FDCWD, path, O_WRONLY | O_CREAT | O_TRUNC, kMode);
  const Status written = file ? write_all(file->get(), text, path) : Status(fail(file.error()));
  if (!written) return refused("network", written.error().sentence());
  return {};
}

// systemd-resolved's own list, when /etc/resolv.conf only points to its loopback address.
std::string resolv_conf_of_host() {
  const auto text = read_file("/etc/resolv.conf", limits::kControlFileBytes);
  if (!text) return {};
  if (text->find("nameserver 127.0.0.53") == std::string::npos) return *text;
  return read_file("/run/systemd/resolve/resolv.conf", limits::kControlFileBytes).value_or(*text);
}

ProcessMark mark_of(pid_t pid) {
  ProcessMark mark{.pid = pid, .start_time = 0};
  if (const auto start = process_start_time(pid)) mark.start_time = *start;
  return mark;
}

}  // namespace

StepResult<ShimNetwork> ShimNetwork::of(const Spec& spec, const std::string& name,
                                        const std::string& state_dir) {
  ShimNetwork made;
  const auto annotation = spec.annotations.find(kNetworkAnnotation);
  if (annotation == spec.annotations.end()) return made;
  auto network = parse_network(annotation->second, std::string("annotation ") + kNetworkAnnotation);
  if (!network) return refused("network", network.error().sentence());
  made.wanted_ = true;
  made.name_ = name;
  made.state_dir_ = state_dir;
  made.hostname_ = spec.hostname;
  made.network_ = *std::move(network);
  return made;
}

Step ShimNetwork::prepare(Spec& spec) {
  for (const auto* file : {"resolv.conf", "hosts"}) {
    const std::string destination = std::string("/etc/") + file;
    const bool own = std::ranges::any_of(
        spec.mounts, [&](const Mount& mount) { return mount.destination == destination; });
    CGW_TRY(write_in_place(path(file), ""));
    if (own) continue;
    spec.mounts.push_back({.destination = destination,
                           .type = "bind",
                           .source = path(file),
                           .options = {"bind", "rprivate", "rw", "nosuid", "nodev", "noexec"}});
  }
  return {};
}

NetworkRequest ShimNetwork::request(NetworkVerb verb) const {
  NetworkRequest request;
  request.verb = verb;
  request.name = name_;
  request.network = network_;
  request.holder = mark_of(::getpid());
  return request;
}

Step ShimNetwork::connect(pid_t child) {
  NetworkRequest add = request(NetworkVerb::add);
  add.inhabitant = mark_of(child);
  begun_ = true;
  CGW_ASSIGN(const NetworkAnswer answer, ask_network(add));
  CGW_TRY(
      write_in_place(path("resolv.conf"), resolv_conf(resolv_conf_of_host(), answer.nameservers)));
  CGW_TRY(write_in_place(path("hosts"), hosts_file(hostname_, answer.address, answer.gateway)));
  const Status kept = write_file_atomically(path("network.json"), to_json(answer), kStateFileMode);
  if (!kept) return refused("network", kept.error().sentence());
  return {};
}

void ShimNetwork::disconnect() {
  if (!begun_) return;
  begun_ = false;
  ::unlink(path("network.json").c_str());
  const auto undone = ask_network(request(NetworkVerb::remove));
  if (undone) return;
  ::openlog("cgwarden-shim", LOG_PID, LOG_DAEMON);
  ::syslog(LOG_WARNING, "the network of %s is not cleared away: %s", name_.c_str(),
           undone.error().text.c_str());
}

}  // namespace cgwarden::launcher
