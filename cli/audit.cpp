#include "diagnosis/audit/audit.h"

#include <fmt/format.h>

#include <optional>
#include <string>
#include <vector>

#include "agent/workload_files.h"
#include "base/text.h"
#include "cli/audit_report.h"
#include "cli/commands.h"
#include "cli/container_finder.h"
#include "cli/exit_code.h"
#include "cli/posture_reader.h"
#include "cli/terminal.h"
#include "policy/workload.h"

namespace cgwarden::cli {
namespace {

// The start of a container's id that is long enough to mean it, as the runtimes print it.
constexpr std::size_t kIdPrefix = 12;

Result<AuditedContainer> look(const PostureReader& reader, const Container& container) {
  CGW_ASSIGN(const auto posture, reader.read(container.pid));
  return AuditedContainer{container, posture.comm, posture.cgroup,
                          diagnosis::audit::audit(posture)};
}

// One of our workloads; nullopt: there is none of this name. A workload that does not run is an
// error (vanished).
std::optional<Result<Container>> find_workload(const std::string& runtime_dir,
                                               const std::string& name) {
  if (!policy::valid_workload_name(name)) return std::nullopt;
  const auto files = agent::read_workload_files(runtime_dir, name);
  if (!files) {
    if (files.error().kind == ErrorKind::vanished) return std::nullopt;
    return fail(files.error());
  }
  if (!files->status || !files->shim_alive) {
    return fail(Error{ErrorKind::vanished, 0, "audit", "workload " + name, "it does not run"});
  }
  return Container{"cgwarden", name, files->status->main_pid};
}

// By its name or the start of its id; nullopt: there is none.
Result<std::optional<Container>> find_container(const PostureReader& reader,
                                                const std::string& name) {
  CGW_ASSIGN(const auto list, find_containers(reader.proc_fd()));
  for (const auto& container : list.containers) {
    const bool prefix = name.size() >= kIdPrefix && container.name.starts_with(name);
    if (container.name == name || prefix) return container;
  }
  return std::nullopt;
}

// nullopt: nothing has this name.
Result<std::optional<Container>> resolve(const Common& common, const PostureReader& reader,
                                         const std::string& target) {
  if (const auto workload = find_workload(common.where.runtime_dir, target)) {
    CGW_ASSIGN(Container container, *workload);
    return container;
  }
  if (const auto pid = parse_integer<pid_t>(target); pid && *pid > 0) {
    return Container{"-", "pid " + target, *pid};
  }
  return find_container(reader, target);
}

// Ours are judged by their command, as when asked by name; process 1 may be the launcher's init.
Container by_command(const Common& common, const Container& container) {
  if (container.runtime != "cgwarden") return container;
  const auto ours = find_workload(common.where.runtime_dir, container.name);
  return ours && *ours ? **ours : container;
}

Status look_at_all(const Common& common, const PostureReader& reader, AuditAnswer& answer) {
  CGW_ASSIGN(const auto found, find_containers(reader.proc_fd()));
  answer.unseen = found.unseen;
  for (const auto& container : found.containers) {
    auto audited = look(reader, by_command(common, container));
    if (audited) {
      answer.list.push_back(*std::move(audited));
    } else if (audited.error().kind != ErrorKind::vanished) {  // ended: normal life
      return fail(audited.error());
    }
  }
  return {};
}

void show(const AuditAnswer& answer, const Common& common, bool all) {
  if (common.json) {
    print(audit_json(answer));
    return;
  }
  if (all && answer.list.empty()) print("No container runs here.\n");
  if (all && !answer.list.empty()) print(audit_table(answer.list));
  for (const auto& audited : answer.list) {
    print((all ? "\n" : "") + audit_text(audited, report_style()));
  }
}

}  // namespace

int audit(const Common& common, const AuditOptions& options) {
  const auto reader = PostureReader::open("/", common.where.cgroup_root);
  if (!reader) return failed(reader.error());
  AuditAnswer answer;
  answer.fail_on = diagnosis::audit::severity_from(options.fail_on);
  if (options.all) {
    if (const Status looked = look_at_all(common, *reader, answer); !looked)
      return failed(looked.error());
  } else {
    const auto container = resolve(common, *reader, options.target);
    const auto give_up = [](const Error& error) {
      const int code = failed(error);
      return error.kind == ErrorKind::vanished ? kNoSuchWorkload : code;
    };
    if (!container) return give_up(container.error());
    if (!*container) {
      return no_such_workload(options.target, common.where.runtime_dir,
                              agent::store_path(common.where));
    }
    auto audited = look(*reader, **container);
    if (!audited) return give_up(audited.error());
    answer.list.push_back(*std::move(audited));
  }
  show(answer, common, options.all);
  if (answer.unseen > 0) {
    complain(
        fmt::format("{} processes could not be looked at, and a container among them is not "
                    "listed; run as root, with all capabilities",
                    answer.unseen));
  }
  return answer.failed() ? kRuntime : kOk;
}

}  // namespace cgwarden::cli
