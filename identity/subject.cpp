#include "identity/subject.h"

#include <algorithm>

#include "identity/unit_name.h"

#include "base/text.h"

namespace cgwarden::identity {
namespace {

constexpr std::string_view kUnitPrefix = "unit:";
constexpr std::string_view kContainerPrefix = "container:";
constexpr std::size_t kNameBytes = 255;

// Part of a key and of a label; what a runtime or a user may call something ends here.
bool is_name(std::string_view text) {
  return text.size() <= kNameBytes && std::ranges::all_of(text, [](unsigned char c) {
           return c > 0x20 && c < 0x7F && c != '/';
         });
}

bool has_container_id(std::string_view text) {
  std::size_t digits = 0;
  for (const char c : text) {
    digits = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') ? digits + 1 : 0;
    if (digits == 64) return true;
  }
  return false;
}

// systemd-run names what it starts run-r0123abcd.service, run-u12.service or run-4711.scope.
bool is_made_for_one_use(std::string_view unit) {
  auto name = between(unit, "run-", ".scope");
  if (name) return true;
  name = between(unit, "run-", ".service");
  return name && name->size() > 1 && (name->front() == 'r' || name->front() == 'u') &&
         std::ranges::all_of(name->substr(1), [](unsigned char c) {
           return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f');
         });
}

std::optional<Subject> unit_of(const Identity& identity) {
  const bool scope = identity.kind == Kind::scope;
  if (scope && (identity.owner || identity.slice == "cgwarden.slice")) return std::nullopt;
  if (is_made_for_one_use(identity.unit) || has_container_id(identity.unit)) return std::nullopt;
  return Subject{.kind = Subject::Kind::unit, .name = identity.unit, .owner = identity.owner};
}

std::string owner_text(const Subject& subject) {
  return subject.owner ? std::to_string(*subject.owner) : std::string();
}

bool set_owner(Subject& subject, std::string_view text) {
  if (!text.empty()) subject.owner = parse_uid(text);
  return owner_text(subject) == text;  // one subject has one key: no leading zeros
}

}  // namespace

std::optional<Subject> subject_of(const Identity& identity) {
  std::optional<Subject> subject;
  switch (identity.kind) {
    case Kind::service:
    case Kind::scope:
    case Kind::unit:
      subject = unit_of(identity);
      break;
    case Kind::container:
    case Kind::machine:
    case Kind::vm:
      if (identity.nested || identity.container.empty()) return std::nullopt;
      subject = Subject{.kind = Subject::Kind::container,
                        .name = identity.container,
                        .owner = identity.owner,
                        .runtime = identity.pod.empty() ? identity.runtime : std::string(),
                        .pod_namespace = identity.pod_namespace,
                        .pod = identity.pod};
      break;
    default:
      break;
  }
  if (!subject || subject->name.empty()) return std::nullopt;
  const bool named = is_name(subject->name) && is_name(subject->runtime) && is_name(subject->pod) &&
                     is_name(subject->pod_namespace);
  return named ? subject : std::nullopt;
}

std::optional<Subject> passing_subject_of(const Identity& identity) {
  const bool unit = identity.kind == Kind::service || identity.kind == Kind::scope;
  if (unit && !identity.owner && is_made_for_one_use(identity.unit)) {
    return Subject{.kind = Subject::Kind::unit, .name = identity.unit};
  }
  const bool unnamed = identity.kind == Kind::container && !identity.nested &&
                       identity.container.empty() && is_container_id(identity.container_id);
  if (!unnamed || !is_name(identity.runtime)) return std::nullopt;
  return Subject{.kind = Subject::Kind::container,
                 .name = identity.container_id,
                 .owner = identity.owner,
                 .runtime = identity.runtime};
}

bool is_passing(const Subject& subject) {
  return subject.kind == Subject::Kind::unit ? is_made_for_one_use(subject.name)
                                             : is_container_id(subject.name);
}

std::string spoken_name(const Subject& subject) {
  constexpr std::size_t kDigits = 12;
  const bool id = subject.kind == Subject::Kind::container && is_passing(subject);
  return id ? subject.name.substr(0, kDigits) : subject.name;
}

std::string to_key(const Subject& subject) {
  if (subject.kind == Subject::Kind::unit) {
    return std::string(kUnitPrefix) + owner_text(subject) + "/" + subject.name;
  }
  return std::string(kContainerPrefix) + subject.runtime + "/" + owner_text(subject) + "/" +
         subject.pod_namespace + "/" + subject.pod + "/" + subject.name;
}

std::optional<Subject> parse_subject_key(std::string_view key) {
  Subject subject;
  const bool unit = key.starts_with(kUnitPrefix);
  if (!is_subject_key(key)) return std::nullopt;
  const auto parts = split(key.substr(key.find(':') + 1), '/');
  if (!std::ranges::all_of(parts, is_name) || parts.back().empty()) return std::nullopt;
  subject.name = parts.back();
  if (unit) {
    if (parts.size() != 2 || !set_owner(subject, parts[0])) return std::nullopt;
    return subject;
  }
  if (parts.size() != 5 || !set_owner(subject, parts[1])) return std::nullopt;
  subject.kind = Subject::Kind::container;
  subject.runtime = parts[0];
  subject.pod_namespace = parts[2];
  subject.pod = parts[3];
  return subject;
}

bool is_subject_key(std::string_view key) {
  return key.starts_with(kUnitPrefix) || key.starts_with(kContainerPrefix);
}

}  // namespace cgwarden::identity
