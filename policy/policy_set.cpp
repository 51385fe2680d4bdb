#include "policy/policy_set.h"

#include <fmt/format.h>

#include <algorithm>
#include <deque>
#include <iterator>
#include <map>
#include <utility>

#include "policy/document.h"
#include "policy/policy_document.h"

namespace cgwarden::policy {
namespace {

// One file while the set is read. Its address stays: the findings refer to the text.
struct Reading {
  explicit Reading(const PolicyFile& of)
      : file(of), source(of.yaml, of.path), findings(source), documents(parse_yaml(findings)) {
    if (!findings.has_errors()) templates = read_templates(documents, findings);
  }
  Reading(const Reading&) = delete;
  Reading& operator=(const Reading&) = delete;

  const PolicyFile& file;
  SourceText source;
  Findings findings;
  std::vector<Node> documents;
  Templates templates;
};

class SetReader {
 public:
  explicit SetReader(const std::vector<PolicyFile>& files) {
    for (const PolicyFile& file : files) readings_.emplace_back(file);
  }

  PolicySet read() {
    for (Reading& reading : readings_) read_documents(reading);
    take_findings();
    if (set_.errors.empty()) set_.errors = check_unique_names(set_.policies);
    if (set_.errors.empty()) apply_drop_ins();
    show_lines(set_.errors);
    show_lines(set_.warnings);
    if (!set_.errors.empty()) set_.policies.clear();
    return std::move(set_);
  }

 private:
  [[nodiscard]] TemplateScope scope_of(const Reading& of) const {
    TemplateScope scope{of.templates};
    for (const Reading& reading : readings_) {
      if (&reading == &of) continue;
      for (const auto& [name, resources] : reading.templates) {
        scope.others[name].push_back({reading.file.path, &resources});
      }
    }
    return scope;
  }

  void read_documents(Reading& reading) {
    if (reading.findings.has_errors()) return;
    const TemplateScope scope = scope_of(reading);
    const std::string& target = reading.file.drop_in_of;
    for (const Node& node : reading.documents) {
      if (is_template(node)) continue;
      auto document = read_policy_document(node, target.empty() ? Part::whole : Part::drop_in,
                                           scope, reading.findings);
      if (!document) continue;
      if (target.empty()) {
        set_.policies.push_back(std::move(document->policy));
        continue;
      }
      if (!document->policy.name.empty() && document->policy.name != target) {
        reading.findings.error(document->policy.position,
                               fmt::format("this drop-in is for policy {}, whose directory it is "
                                           "in, and not for {}",
                                           target, document->policy.name),
                               "leave metadata.name out, or move the file");
      }
      drop_ins_.emplace_back(target, std::move(*document));
    }
  }

  void take_findings() {
    for (Reading& reading : readings_) {
      std::ranges::move(reading.findings.take_errors(), std::back_inserter(set_.errors));
      std::ranges::move(reading.findings.take_warnings(), std::back_inserter(set_.warnings));
    }
  }

  void apply_drop_ins() {
    std::vector<Policy*> changed;
    for (const auto& [name, drop_in] : drop_ins_) {
      const auto policy = std::ranges::find(set_.policies, name, &Policy::name);
      if (policy == set_.policies.end()) {
        set_.warnings.push_back(
            {Severity::warning, drop_in.policy.position,
             fmt::format("there is no policy {}: this drop-in changes nothing", name), "",
             "its directory is named after a metadata.name"});
        continue;
      }
      apply_drop_in(*policy, drop_in);
      if (std::ranges::find(changed, &*policy) == changed.end()) changed.push_back(&*policy);
    }
    for (const Policy* policy : changed) lint_changed(*policy);
  }

  // What is wrong with the policy as a whole now may stand in any of its files.
  void lint_changed(const Policy& policy) {
    const auto of = std::ranges::find_if(readings_, [&](const Reading& reading) {
      return reading.file.path == policy.position.file;
    });
    Findings findings(of->source);
    lint_whole(policy, findings);
    std::ranges::move(findings.take_errors(), std::back_inserter(set_.errors));
    // What the policy was warned of without its drop-ins may be mended by them.
    std::erase_if(set_.warnings, [&](const Diagnostic& warning) {
      return !warning.rule.empty() && warning.position.file == policy.position.file &&
             belongs_to(warning, policy);
    });
    std::ranges::move(findings.take_warnings(), std::back_inserter(set_.warnings));
  }

  // Its document is the last one that begins at or before the line.
  [[nodiscard]] bool belongs_to(const Diagnostic& warning, const Policy& policy) const {
    const Policy* of = nullptr;
    for (const Policy& other : set_.policies) {
      if (other.position.file != warning.position.file ||
          other.position.line > warning.position.line) {
        continue;
      }
      if (of == nullptr || of->position.line < other.position.line) of = &other;
    }
    return of == &policy;
  }

  // Lines of other files than the one that was read then.
  void show_lines(std::vector<Diagnostic>& diagnostics) const {
    for (Diagnostic& diagnostic : diagnostics) {
      if (!diagnostic.source_line.empty() || diagnostic.position.line == 0) continue;
      const auto of = std::ranges::find_if(readings_, [&](const Reading& reading) {
        return reading.file.path == diagnostic.position.file;
      });
      if (of == readings_.end()) continue;
      diagnostic.source_line = Findings::line_at(of->source, diagnostic.position);
    }
  }

  std::deque<Reading> readings_;
  std::vector<std::pair<std::string, PolicyDocument>> drop_ins_;  // by policy
  PolicySet set_;
};

}  // namespace

PolicySet load_policy_set(const std::vector<PolicyFile>& files) { return SetReader(files).read(); }

std::expected<LoadedPolicies, std::vector<Diagnostic>> load_policies(std::string_view yaml,
                                                                     const std::string& file) {
  PolicySet set = load_policy_set({{file, std::string(yaml)}});
  if (!set.errors.empty()) return std::unexpected(std::move(set.errors));
  if (set.policies.empty()) {
    return std::unexpected(std::vector<Diagnostic>{
        {Severity::error,
         {file, 0, 0},
         "the file has templates and no policy",
         "",
         "a template is used by policies of its own file and of others in the directory"}});
  }
  return LoadedPolicies{std::move(set.policies), std::move(set.warnings)};
}

std::vector<Diagnostic> check_unique_names(const std::vector<Policy>& policies) {
  std::map<std::string_view, const Policy*> first;
  std::vector<Diagnostic> found;
  for (const Policy& policy : policies) {
    const auto [place, is_new] = first.emplace(policy.name, &policy);
    if (is_new) continue;
    found.push_back({Severity::error, policy.position,
                     fmt::format("a policy named {} is already in {}", policy.name,
                                 place->second->position.text()),
                     "", "give it another metadata.name"});
  }
  return found;
}

}  // namespace cgwarden::policy
