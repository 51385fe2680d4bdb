#include "launcher/oci/commands.h"
#include "launcher/oci/container.h"

namespace cgwarden::launcher::oci {

Outcome<int> state(const Global& global, const Words& words) {
  bool help = false;
  const std::vector<Option> options{{"help", 'h', nullptr, "this text", into(help)}};
  CGW_ASSIGN(const Words positional, parse_options("state", words, options));
  if (help) {
    return print_help("state ID", "Prints the state of a container as JSON (OCI runtime-spec).",
                      options);
  }
  CGW_ASSIGN(const std::string id, only_id("state", positional));
  CGW_ASSIGN(const Container container, Container::open(global.root, id));
  const auto record = container.record();
  if (!record) {
    // `create` has the directory before it has anything to say.
    return refuse("container \"" + id + "\" does not exist" +
                  (container.is_locked() ? " yet: it is being created" : ""));
  }
  return print(state_json(*record, status_of(*record)));
}

}  // namespace cgwarden::launcher::oci
