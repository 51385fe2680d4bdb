#include "base/text.h"
#include "launcher/json.h"
#include "launcher/oci_sections.h"

// config.json of OCI runtime-spec 1.2 (config.md, config-linux.md) <-> Spec: the document itself.
namespace cgwarden::launcher {
namespace {

using nlohmann::json;

constexpr const char* kOperation = "use the OCI config";
constexpr const char* kInitAnnotation = "io.github.cgwarden.init";
constexpr const char* kSeccompAnnotation = "io.github.cgwarden.seccomp";

// Warnings kept of one document: a screen. More are usually the same mistake again.
constexpr std::size_t kWarnings = 50;

bool is_number(std::string_view text) {
  return !text.empty() && text.find_first_not_of("0123456789") == std::string_view::npos;
}

// SemVer 2.0.0 with major version 1; "-dev" and "+build" may follow, the patch level may lack.
bool version_is_supported(std::string_view version) {
  const auto numbers = split(version.substr(0, version.find_first_of("-+")), '.');
  return (numbers.size() == 2 || numbers.size() == 3) && numbers.front() == "1" &&
         is_number(numbers[1]) && is_number(numbers.back());
}

// One of two words; anything else is a complaint.
bool read_choice(ObjectReader& reader, const char* name, const std::string& text, const char* yes,
                 const char* no) {
  if (text != yes && text != no) {
    reader.complain(name, std::string("must be \"") + yes + "\" or \"" + no + "\"");
  }
  return text == yes;
}

void read_annotations(ObjectReader& reader, Spec& spec) {
  spec.seccomp = SeccompProfile::unconfined;  // OCI: no linux.seccomp, no filter
  reader.string_map("annotations", spec.annotations);
  if (const auto init = spec.annotations.extract(kInitAnnotation)) {
    reader.object("annotations", [&](ObjectReader& part) {
      spec.init = read_choice(part, kInitAnnotation, init.mapped(), "true", "false");
    });
  }
  if (const auto profile = spec.annotations.extract(kSeccompAnnotation)) {
    reader.object("annotations", [&](ObjectReader& part) {
      const bool chosen =
          read_choice(part, kSeccompAnnotation, profile.mapped(), "default", "unconfined");
      if (chosen && !spec.seccomp_config) spec.seccomp = SeccompProfile::container_default;
    });
  }
}

void read_document(ObjectReader& reader, Spec& spec) {
  reader.require(reader.string("ociVersion", spec.oci_version), "ociVersion");
  if (!version_is_supported(spec.oci_version)) reader.complain("ociVersion", "must be 1.x");
  spec.has_process =
      reader.object("process", [&](ObjectReader& part) { read_process(part, spec.process); });
  const bool has_root = reader.object("root", [&](ObjectReader& part) {
    part.string("path", spec.root_path);
    if (spec.root_path.empty()) part.complain("path", "is missing");
    part.boolean("readonly", spec.root_readonly);
  });
  reader.require(has_root, "root");
  reader.string("hostname", spec.hostname);
  reader.string("domainname", spec.domainname);
  reader.objects("mounts", spec.mounts, read_mount);
  reader.object("hooks", [&](ObjectReader& part) { read_hooks(part, spec.hooks); });
  reader.object("linux", [&](ObjectReader& part) { read_linux(part, spec); });
  leave_out_zero_pids(spec.oci_version, spec.resources);
  read_annotations(reader, spec);
}

// `read` fills a T from the document; `path` is its name inside config.json.
template <typename T, typename Read>
Result<T> parse(const std::string& text, const std::string& where, const char* path,
                const Read& read, std::vector<std::string>* warnings) {
  CGW_ASSIGN(const json document, parse_json_object(text, kOperation, where));
  T result;
  Findings findings;
  ObjectReader reader(document, path, findings);
  read(reader, result);
  if (!findings.fault.empty()) {
    return fail(Error::invalid(kOperation, where, std::move(findings.fault)));
  }
  if (findings.warnings.size() > kWarnings) findings.warnings.resize(kWarnings);
  if (warnings != nullptr) *warnings = std::move(findings.warnings);
  return result;
}

// Bytes that are not UTF-8 (an argument may hold any) cannot stand in JSON: replaced, not thrown.
std::string text_of(const json& document) {
  return document.dump(2, ' ', false, json::error_handler_t::replace) + "\n";
}

}  // namespace

Result<Spec> parse_config(const std::string& text, const std::string& where,
                          std::vector<std::string>* warnings) {
  return parse<Spec>(text, where, "", read_document, warnings);
}

Result<Process> parse_process(const std::string& text, const std::string& where,
                              std::vector<std::string>* warnings) {
  return parse<Process>(text, where, "process", read_process, warnings);
}

Result<Resources> parse_resources(const std::string& text, const std::string& where,
                                  std::vector<std::string>* warnings) {
  return parse<Resources>(text, where, "linux.resources", read_resources, warnings);
}

std::string to_config(const Spec& spec) {
  json annotations = spec.annotations;
  annotations[kInitAnnotation] = spec.init ? "true" : "false";
  annotations[kSeccompAnnotation] =
      spec.seccomp == SeccompProfile::container_default ? "default" : "unconfined";
  json document{{"ociVersion", spec.oci_version},
                {"root", {{"path", spec.root_path}, {"readonly", spec.root_readonly}}},
                {"linux", write_linux(spec)},
                {"annotations", std::move(annotations)}};
  if (spec.has_process) document["process"] = write_process(spec.process);
  put_unless_empty(document, "hostname", spec.hostname);
  put_unless_empty(document, "domainname", spec.domainname);
  for (const auto& mount : spec.mounts) document["mounts"].push_back(write_mount(mount));
  put_unless_empty(document, "hooks", write_hooks(spec.hooks));
  return text_of(document);
}

void leave_out_zero_pids(std::string_view oci_version, Resources& resources) {
  if (resources.pids_limit != 0) return;
  const auto numbers = split(oci_version, '.');
  const auto minor = numbers.size() < 2 ? std::nullopt : parse_integer<unsigned>(numbers[1]);
  if (!minor || *minor < 3) resources.pids_limit.reset();
}

}  // namespace cgwarden::launcher
