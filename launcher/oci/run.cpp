#include <unistd.h>

#include <optional>
#include <utility>

#include "launcher/oci/commands.h"
#include "launcher/oci/create.h"
#include "launcher/oci/create_options.h"
#include "launcher/oci/destroy.h"
#include "launcher/oci/foreground.h"
#include "launcher/oci/log.h"
#include "launcher/oci/seal.h"
#include "launcher/oci/start.h"

namespace cgwarden::launcher::oci {
namespace {

struct RunOptions {
  CreateOptions create;
  bool detach = false;
  bool keep = false;
  bool help = false;
};

Outcome<int> run_and_remove(const Global& global, const RunOptions& options) {
  CGW_ASSIGN(Bundle bundle, read_bundle(options.create));
  const bool terminal = bundle.spec.process.terminal && options.create.console_socket.empty();
  std::optional<CreatedContainer> made;
  const auto launch = [&](int console) -> Outcome<Spawned> {
    CGW_ASSIGN(made, create_container(global, options.create, false, std::move(bundle), console));
    CGW_TRY(after_start(made->container, made->record, made->spec));
    close_sealed_file();
    return std::move(made->spawned);
  };
  auto ended = run_in_foreground(terminal, launch);
  // Somebody may have deleted it meanwhile.
  if (made && !options.keep && made->container.lock()) {
    const auto removed = destroy(made->container, made->record, made->spec.hooks.poststop);
    if (!removed) log_warning(removed.error().text);
  }
  return ended;
}

}  // namespace

Outcome<int> run(const Global& global, const Words& words) {
  RunOptions options;
  auto known = create_option_table(options.create);
  known.push_back({"detach", 'd', nullptr, "do not wait for it", into(options.detach)});
  known.push_back(
      {"keep", 0, nullptr, "keep the container after it has ended", into(options.keep)});
  known.push_back({"help", 'h', nullptr, "this text", into(options.help)});
  CGW_ASSIGN(const Words positional, parse_options("run", words, known));
  if (options.help) {
    return print_help("run [OPTION...] ID",
                      "Creates and starts a container, waits for it and removes it. Exits as its "
                      "command does:\nits code, or 128+N when signal N ended it.",
                      known);
  }
  CGW_ASSIGN(options.create.id, only_id("run", positional));
  if (options.detach) {
    CGW_ASSIGN(const CreatedContainer made, create_container(global, options.create, false));
    CGW_TRY(after_start(made.container, made.record, made.spec));
    return 0;
  }
  return run_and_remove(global, options);
}

}  // namespace cgwarden::launcher::oci
