#include "launcher/oci/start.h"

#include <unistd.h>

#include "launcher/hooks.h"
#include "launcher/oci/commands.h"
#include "launcher/oci/container.h"
#include "launcher/oci/destroy.h"
#include "launcher/oci/listener.h"
#include "launcher/start_gate.h"

namespace cgwarden::launcher::oci {

// A failing poststart hook stops the container (runtime.md "Lifecycle").
Outcome<void> after_start(const Container& container, const ContainerRecord& record,
                          const Spec& spec) {
  const std::string state = state_json(record, ContainerStatus::running);
  if (const Step ran = run_hooks(spec.hooks.poststart, "poststart", state); !ran) {
    (void)destroy(container, record, spec.hooks.poststop);
    return std::unexpected(Failure(ran.error()));
  }
  return {};
}

Outcome<int> start(const Global& global, const Words& words) {
  bool help = false;
  const std::vector<Option> options{{"help", 'h', nullptr, "this text", into(help)}};
  CGW_ASSIGN(const Words positional, parse_options("start", words, options));
  if (help) return print_help("start ID", "Lets the command of a created container run.", options);
  CGW_ASSIGN(const std::string id, only_id("start", positional));
  CGW_ASSIGN(Container container, Container::open(global.root, id));
  CGW_TRY(container.lock());
  CGW_ASSIGN(ContainerRecord record, container.record());
  const ContainerStatus status = status_of(record);
  if (status != ContainerStatus::created) {
    return refuse("container \"" + id + "\" cannot be started: it is " +
                  std::string(to_string(status)));
  }
  CGW_ASSIGN(const Spec spec, container.spec(record));
  if (!spec.has_process) {
    return refuse("container \"" + id + "\" cannot be started: its config.json has no process");
  }
  // Before the gate opens: a command that starts and asks `state` at once is running.
  record.started = true;
  CGW_TRY(container.write_record(record));
  const auto listener = [&](pid_t pid, const UniqueFd& fd) {
    return hand_over_listener(spec, record, pid, fd);
  };
  if (const auto error = open_gate(container.directory(), listener)) {
    return std::unexpected(Failure(*error));
  }
  ::unlinkat(container.directory(), kGateName, 0);
  CGW_TRY(after_start(container, record, spec));
  return 0;
}

}  // namespace cgwarden::launcher::oci
