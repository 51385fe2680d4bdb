#include "launcher/oci/commands.h"
#include "launcher/oci/container.h"

namespace cgwarden::launcher::oci {
namespace {

Outcome<int> set_frozen(const Global& global, const Words& words, const std::string& command,
                        const std::string& text, bool frozen) {
  bool help = false;
  const std::vector<Option> options{{"help", 'h', nullptr, "this text", into(help)}};
  CGW_ASSIGN(const Words positional, parse_options(command, words, options));
  if (help) return print_help(command + " ID", text, options);
  CGW_ASSIGN(const std::string id, only_id(command, positional));
  CGW_ASSIGN(Container container, Container::open(global.root, id));
  CGW_TRY(container.lock());
  CGW_ASSIGN(const ContainerRecord record, container.record());
  const ContainerStatus status = status_of(record);
  const bool fits = frozen
                        ? status == ContainerStatus::running || status == ContainerStatus::created
                        : status == ContainerStatus::paused;
  if (!fits) {
    return refuse("container \"" + id + "\" cannot be " + (frozen ? "paused" : "resumed") +
                  ": it is " + std::string(to_string(status)));
  }
  if (record.cgroup.path.empty()) {
    return refuse("container \"" + id + "\" has no cgroup of its own to freeze");
  }
  if (frozen) {
    CGW_TRY(freeze(record.cgroup));
  } else {
    CGW_TRY(thaw(record.cgroup));
  }
  return 0;
}

}  // namespace

Outcome<int> pause(const Global& global, const Words& words) {
  return set_frozen(global, words, "pause", "Freezes all processes of a container (cgroup.freeze).",
                    true);
}

Outcome<int> resume(const Global& global, const Words& words) {
  return set_frozen(global, words, "resume", "Lets a paused container go on.", false);
}

}  // namespace cgwarden::launcher::oci
