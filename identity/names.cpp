#include "identity/names.h"

#include <charconv>

#include "identity/unit_name.h"

#include "base/text.h"

namespace cgwarden::identity {
namespace {

void fill(std::string& target, const std::string& source) {
  if (!source.empty()) target = source;
}

// "\x2d", "\n" and the like in a double-quoted value (systemd's cunescape); an unknown escape is
// the character itself.
std::string unquoted(std::string_view value) {
  if (value.size() < 2 || value.front() != '"' || value.back() != '"') return std::string(value);
  value = value.substr(1, value.size() - 2);
  std::string out;
  for (std::size_t i = 0; i < value.size(); ++i) {
    if (value[i] != '\\' || i + 1 == value.size()) {
      out += value[i];
      continue;
    }
    ++i;
    unsigned byte = 0;
    const std::string_view digits = value.substr(i + 1, 2);
    if (value[i] == 'x' &&
        std::from_chars(digits.data(), digits.data() + digits.size(), byte, 16).ptr ==
            digits.data() + digits.size() &&
        digits.size() == 2) {
      out += static_cast<char>(byte);
      i += 2;
    } else {
      out += value[i] == 'n' ? '\n' : value[i] == 't' ? '\t' : value[i];
    }
  }
  return out;
}

}  // namespace

Names with_claim(Names names) {
  PodLabels& claimed = names.claimed;
  if (names.container.empty() || !claimed.container.empty() || claimed.sandbox) {
    names.container = std::move(claimed.container);
  }
  fill(names.pod, claimed.pod);
  fill(names.pod_uid, claimed.uid);
  fill(names.pod_namespace, claimed.pod_namespace);
  names.sandbox = claimed.sandbox;
  claimed = {};
  return names;
}

Identity completed(Identity identity, const Names& found) {
  const std::string& uid = found.claimed.uid;
  const bool is_its_pod = !uid.empty() && uid == identity.pod_uid;
  const Names names = is_its_pod ? with_claim(found) : found;
  if (names.sandbox && identity.kind == Kind::container) identity.kind = Kind::sandbox;
  if (identity.runtime.empty()) identity.runtime = names.runtime;
  // nspawn is a guess from the path; who registered the machine knows. So is containerd, and where
  // it is none no other runtime has a file about the id.
  if (identity.runtime == "nspawn" || identity.runtime == "containerd") {
    fill(identity.runtime, names.runtime);
  }
  fill(identity.container, names.container);
  fill(identity.pod, names.pod);
  if (identity.pod_uid.empty()) identity.pod_uid = names.pod_uid;
  fill(identity.pod_namespace, names.pod_namespace);
  fill(identity.image, names.image);
  fill(identity.user, names.user);
  // podman's infra container is called after its pod.
  if (identity.kind == Kind::container && !identity.pod_uid.empty() &&
      identity.container == identity.pod_uid.substr(0, 12) + "-infra") {
    identity.kind = Kind::sandbox;
  }
  return identity;
}

std::optional<ContainerLog> parse_container_log(std::string_view file) {
  // Names of pods, namespaces and containers have no "_", and an id has no "-".
  if (!file.ends_with(".log")) return std::nullopt;
  file.remove_suffix(4);
  const auto pieces = split(file, '_');
  if (pieces.size() != 3 || pieces[0].empty() || pieces[1].empty()) return std::nullopt;
  const std::size_t dash = pieces[2].rfind('-');
  if (dash == std::string_view::npos || dash == 0) return std::nullopt;
  const auto id = pieces[2].substr(dash + 1);
  if (!is_container_id(id)) return std::nullopt;
  ContainerLog log;
  log.id = id;
  log.names.pod = pieces[0];
  log.names.pod_namespace = pieces[1];
  log.names.container = pieces[2].substr(0, dash);
  return log;
}

std::optional<Names> parse_pod_log_directory(std::string_view name) {
  const auto pieces = split(name, '_');
  if (pieces.size() != 3 || pieces[0].empty() || pieces[1].empty() || pieces[2].empty()) {
    return std::nullopt;
  }
  Names names;
  names.pod_namespace = pieces[0];
  names.pod = pieces[1];
  names.pod_uid = pieces[2];
  return names;
}

std::optional<std::string> parse_storage_key(std::string_view text, std::string_view key) {
  bool storage = false;
  for (std::string_view line : split(text, '\n')) {
    line = trim(line);
    if (line.starts_with('[')) {
      storage = line == "[storage]";
      continue;
    }
    const std::size_t equals = line.find('=');
    if (!storage || equals == std::string_view::npos || trim(line.substr(0, equals)) != key) {
      continue;
    }
    const auto value = trim(line.substr(equals + 1));
    if (value.empty() || (value.front() != '"' && value.front() != '\'')) return std::nullopt;
    const std::size_t end = value.find(value.front(), 1);
    if (end == std::string_view::npos || end == 1) return std::nullopt;
    return std::string(value.substr(1, end - 1));
  }
  return std::nullopt;
}

std::optional<std::string> parse_state_variable(std::string_view text, std::string_view key) {
  for (const std::string_view line : split(text, '\n')) {
    if (line.size() > key.size() && line.starts_with(key) && line[key.size()] == '=') {
      return unquoted(line.substr(key.size() + 1));
    }
  }
  return std::nullopt;
}

std::optional<Account> parse_account(std::string_view passwd, std::uint32_t uid) {
  for (const std::string_view line : split(passwd, '\n')) {
    const auto fields = split(line, ':');
    if (fields.size() < 7 || parse_uid(fields[2]) != uid || !fields[5].starts_with('/')) continue;
    return Account{std::string(fields[0]), std::string(fields[5])};
  }
  return std::nullopt;
}

}  // namespace cgwarden::identity
