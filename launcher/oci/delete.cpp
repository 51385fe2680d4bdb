#include "launcher/oci/commands.h"
#include "launcher/oci/container.h"
#include "launcher/oci/destroy.h"
#include "launcher/oci/id_pattern.h"

namespace cgwarden::launcher::oci {
namespace {

// The hooks of a container whose config cannot be read any more are lost; the rest can still go.
std::vector<Hook> poststop_hooks(const Container& container, const ContainerRecord& record) {
  const auto spec = container.spec(record);
  return spec ? spec->hooks.poststop : std::vector<Hook>{};
}

Outcome<void> delete_container(Container& container, const std::string& id, bool force) {
  CGW_TRY(container.lock());
  const auto record = container.record();
  if (!record) {
    // Its `create` was killed before there was anything but the directory.
    return container.remove();
  }
  const ContainerStatus status = status_of(*record);
  if (!force && (status == ContainerStatus::running || status == ContainerStatus::paused)) {
    return refuse("container \"" + id + "\" cannot be deleted: it is " +
                  std::string(to_string(status)) + "; kill it first, or use --force");
  }
  return destroy(container, *record, poststop_hooks(container, *record));
}

Outcome<void> delete_one(const Global& global, const std::string& id, bool force) {
  auto container = Container::open(global.root, id);
  if (!container) {
    if (force) return {};
    return std::unexpected(container.error());
  }
  const auto done = delete_container(*container, id, force);
  // Somebody else has deleted it meanwhile.
  if (!done && force && !Container::open(global.root, id)) return {};
  return done;
}

}  // namespace

Outcome<int> remove(const Global& global, const Words& words) {
  bool help = false;
  bool force = false;
  bool regex = false;
  const std::vector<Option> options{
      {"force", 'f', nullptr, "kill it if it runs; no error if there is none", into(force)},
      {"regex", 'r', nullptr, "every container whose id matches this expression", into(regex)},
      {"help", 'h', nullptr, "this text", into(help)}};
  CGW_ASSIGN(const Words positional, parse_options("delete", words, options));
  if (help) {
    return print_help("delete [--force] [--regex] ID",
                      "Removes a stopped container and all it holds.", options);
  }
  CGW_ASSIGN(const std::string id, only_id("delete", positional));
  if (!regex) {
    CGW_TRY(delete_one(global, id, force));
    return 0;
  }
  CGW_ASSIGN(const Words ids, ids_matching(global.root, id));
  return each_of(ids, [&](const std::string& one) { return delete_one(global, one, force); });
}

}  // namespace cgwarden::launcher::oci
