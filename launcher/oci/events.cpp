#include <chrono>
#include <thread>

#include "base/text.h"
#include "launcher/oci/commands.h"
#include "launcher/oci/container.h"
#include "launcher/oci/quantity.h"

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
  const auto pause_usec = duration_usec(interval);
  if (!pause_usec || *pause_usec == 0) {
    return refuse("--interval \"" + printable(interval) + "\" is not a time such as 5s", kUsage);
  }
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
    std::this_thread::sleep_for(std::chrono::microseconds(*pause_usec));
    if (status_of(record) == ContainerStatus::stopped) return 0;
  }
}

}  // namespace cgwarden::launcher::oci
