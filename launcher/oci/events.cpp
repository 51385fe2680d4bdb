#include <unistd.h>

#include "launcher/oci/commands.h"
#include "launcher/oci/container.h"

namespace cgwarden::launcher::oci {

Outcome<int> events(const Global& global, const Words& words) {
  bool help = false;
  bool once = false;
  std::string interval = "5s";
  const std::vector<Option> options{
      {"stats", 0, nullptr, "one reading, then end", into(once)},
      {"interval", 0, "TIME", "between readings: 5s (default), 500ms", into(interval)},
      {"help", 'h', nullptr, "this text", into(help)}};
  CGW_ASSIGN(const Words positional, parse_options("events", words, options));
  if (help) {
    return print_help("events [--stats] [--interval TIME] ID",
                      "Prints what the container's cgroup counts, a JSON object a line.", options);
  }
  CGW_ASSIGN(const std::string id, only_id("events", positional));
  CGW_ASSIGN(const useconds_t pause_usec, duration_usec(interval));
  CGW_ASSIGN(const Container container, Container::open(global.root, id));
  CGW_ASSIGN(const ContainerRecord record, container.record());
  if (status_of(record) == ContainerStatus::stopped) {
    return refuse("container \"" + id + "\" is not running");
  }
  if (record.cgroup.path.empty()) {
    return refuse("container \"" + id + "\" has no cgroup of its own to read");
  }
  for (;;) {
    CGW_ASSIGN(const std::string text, stats_json(record.cgroup, id));
    CGW_TRY(print(text + "\n"));
    if (once) return 0;
    ::usleep(pause_usec);
    if (status_of(record) == ContainerStatus::stopped) return 0;
  }
}

}  // namespace cgwarden::launcher::oci
