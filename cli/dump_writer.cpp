#include "cli/dump_writer.h"

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <algorithm>
#include <array>
#include <cerrno>
#include <optional>
#include <string_view>
#include <utility>

#include "base/text.h"
#include "cli/json_output.h"

namespace cgwarden::cli {
namespace {

using diagnosis::RecordedCgroup;
using diagnosis::Series;

constexpr std::uint64_t kUsecPerMsec = 1000;

Status write_text(std::FILE* out, std::string_view text) {
  if (std::fwrite(text.data(), 1, text.size(), out) == text.size()) return {};
  return fail(Error::from_errno(errno, "write", "the dump"));
}

// What tells one life from another, and whose it is.
std::vector<std::pair<const char*, std::string>> labels_of(const RecordedCgroup& cgroup) {
  std::vector<std::pair<const char*, std::string>> labels{
      {"cgroup", cgroup.path},        {"id", std::to_string(cgroup.id.value)},
      {"boot", cgroup.boot},          {"workload", std::string(cgroup.workload())},
      {"unit", cgroup.identity.unit}, {"container", cgroup.identity.container},
      {"pod", cgroup.identity.pod},   {"namespace", cgroup.identity.pod_namespace}};
  return labels;
}

class JsonDump final : public DumpWriter {
 public:
  JsonDump(std::vector<cgroup::Field> fields, std::FILE* out)
      : fields_(std::move(fields)), out_(out) {}

  Status begin() override {
    return write_text(out_, fmt::format("{{\"version\":{},\"samples\":[", kJsonVersion));
  }
  Status add(const RecordedCgroup& cgroup, const Series& piece) override {
    for (std::size_t i = 0; i < piece.times.size(); ++i) {
      nlohmann::json sample{{"time_usec", piece.times[i].count()}};
      for (const auto& [name, value] : labels_of(cgroup)) {
        if (!value.empty()) sample[name] = value;
      }
      sample["id"] = cgroup.id.value;
      nlohmann::json values = nlohmann::json::object();
      for (std::size_t f = 0; f < fields_.size(); ++f) {
        const auto value = piece.value(f, i);
        if (!value) continue;
        const bool no_limit =
            fields_[f].kind == cgroup::FieldKind::limit && *value == cgroup::kNoLimit;
        values[fields_[f].name] = no_limit ? nlohmann::json("max") : nlohmann::json(*value);
      }
      sample["values"] = std::move(values);
      CGW_TRY(write_text(
          out_, (first_ ? "\n" : ",\n") +
                    sample.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace)));
      first_ = false;
    }
    return {};
  }
  Status end() override { return write_text(out_, "\n]}\n"); }

 private:
  std::vector<cgroup::Field> fields_;
  std::FILE* out_;
  bool first_ = true;
};

std::string csv_text(const std::string& text) {
  if (text.find_first_of(",\"\r\n") == std::string::npos) return text;
  std::string out = "\"";
  for (const char byte : text) {
    if (byte == '"') out += '"';
    out += byte;
  }
  return out + "\"";
}

class CsvDump final : public DumpWriter {
 public:
  CsvDump(std::vector<cgroup::Field> fields, std::FILE* out)
      : fields_(std::move(fields)), out_(out) {}

  Status begin() override {
    std::string line = "time";
    for (const auto& [name, value] : labels_of({})) line += std::string(",") + name;
    for (const auto& field : fields_) line += "," + field.name;
    return write_text(out_, line + "\r\n");
  }
  Status add(const RecordedCgroup& cgroup, const Series& piece) override {
    std::string who;
    for (const auto& [name, value] : labels_of(cgroup)) who += "," + csv_text(value);
    for (std::size_t i = 0; i < piece.times.size(); ++i) {
      const std::uint64_t ms = piece.times[i].count() / kUsecPerMsec;
      std::string line = fmt::format("{}.{:03}", ms / 1000, ms % 1000) + who;
      for (std::size_t f = 0; f < fields_.size(); ++f) {
        line += ',';
        const auto value = piece.value(f, i);
        if (!value) continue;
        const bool no_limit =
            fields_[f].kind == cgroup::FieldKind::limit && *value == cgroup::kNoLimit;
        line += no_limit ? "max" : std::to_string(*value);
      }
      CGW_TRY(write_text(out_, line + "\r\n"));
    }
    return {};
  }
  Status end() override { return {}; }

 private:
  std::vector<cgroup::Field> fields_;
  std::FILE* out_;
};

std::string label_value(const std::string& text) {
  std::string out;
  for (std::string_view rest = text; !rest.empty();) {
    const std::size_t length = utf8_length(rest);
    if (length == 0) {  // the exposition is UTF-8
      out += "\xEF\xBF\xBD";
      rest.remove_prefix(1);
      continue;
    }
    const std::string_view symbol = rest.substr(0, length);
    if (symbol == "\\" || symbol == "\"") out += '\\';
    out += symbol == "\n" ? "\\n" : std::string(symbol);
    rest.remove_prefix(length);
  }
  return out;
}

// Microseconds are exact as seconds with six digits, and nothing else is scaled.
std::string scaled(const DumpFamily& family, const cgroup::Field& field, std::uint64_t value) {
  if (field.kind == cgroup::FieldKind::limit && value == cgroup::kNoLimit) return "+Inf";
  if (family.scale == 1) return std::to_string(value);
  return fmt::format("{}.{:06}", value / 1'000'000U, value % 1'000'000U);
}

class OpenMetricsDump final : public DumpWriter {
 public:
  OpenMetricsDump(std::vector<cgroup::Field> fields, std::FILE* out)
      : fields_(std::move(fields)), out_(out) {}

  bool by_life() const override { return true; }
  Status begin() override {
    for (std::size_t f = 0; f < fields_.size(); ++f) {
      families_.push_back(family_of(fields_[f]));
      texts_.emplace_back(std::tmpfile());
      if (!texts_.back()) return fail(Error::from_errno(errno, "create", "a temporary file"));
    }
    return {};
  }
  Status add(const RecordedCgroup& cgroup, const Series& piece) override {
    if (!last_ || !last_->same(cgroup)) {
      last_ = cgroup;
      last_ms_ = 0;
      labels_.clear();
      for (const auto& [name, value] : labels_of(cgroup)) {
        if (value.empty()) continue;
        labels_ += fmt::format("{}{}=\"{}\"", labels_.empty() ? "" : ",", name, label_value(value));
      }
    }
    for (std::size_t i = 0; i < piece.times.size(); ++i) {
      const std::uint64_t ms = piece.times[i].count() / kUsecPerMsec;
      if (ms <= last_ms_) continue;  // the clock was set back: times of a series must grow
      last_ms_ = ms;
      for (std::size_t f = 0; f < fields_.size(); ++f) {
        const auto value = piece.value(f, i);
        if (!value) continue;
        const bool counter = fields_[f].kind == cgroup::FieldKind::counter;
        CGW_TRY(write_text(
            texts_[f].get(),
            fmt::format("{}{}{{{}}} {} {}.{:03}\n", families_[f].name, counter ? "_total" : "",
                        labels_, scaled(families_[f], fields_[f], *value), ms / 1000, ms % 1000)));
      }
    }
    return {};
  }
  Status end() override {
    for (std::size_t f = 0; f < fields_.size(); ++f) {
      if (std::ftell(texts_[f].get()) == 0) continue;
      const DumpFamily& family = families_[f];
      const bool counter = fields_[f].kind == cgroup::FieldKind::counter;
      CGW_TRY(write_text(
          out_, fmt::format("# TYPE {} {}\n", family.name, counter ? "counter" : "gauge")));
      if (!family.unit.empty()) {
        CGW_TRY(write_text(out_, fmt::format("# UNIT {} {}\n", family.name, family.unit)));
      }
      CGW_TRY(write_text(
          out_, fmt::format("# HELP {} {} as it was recorded.\n", family.name, fields_[f].name)));
      CGW_TRY(copy(texts_[f].get()));
    }
    return write_text(out_, "# EOF\n");
  }

 private:
  struct Close {
    void operator()(std::FILE* file) const { std::fclose(file); }
  };
  Status copy(std::FILE* from) {
    std::rewind(from);
    std::array<char, 65536> bytes{};
    for (;;) {
      const std::size_t got = std::fread(bytes.data(), 1, bytes.size(), from);
      if (got == 0) break;
      CGW_TRY(write_text(out_, {bytes.data(), got}));
    }
    if (std::ferror(from) != 0) return fail(Error::from_errno(errno, "read", "a temporary file"));
    return {};
  }

  std::vector<cgroup::Field> fields_;
  std::FILE* out_;
  std::vector<DumpFamily> families_;
  std::vector<std::unique_ptr<std::FILE, Close>> texts_;
  std::optional<RecordedCgroup> last_;
  std::uint64_t last_ms_ = 0;
  std::string labels_;
};

bool is_bytes(const cgroup::Field& field) {
  static constexpr std::array<std::string_view, 4> kCounts{"memory.events", "memory.swap.events",
                                                           "memory.pressure", "memory.stat.pg"};
  const std::string_view name = field.name;
  if (name.starts_with("io.stat.")) return name.ends_with("bytes");
  if (!name.starts_with("memory.") || name.starts_with("memory.stat.workingset_")) return false;
  return std::ranges::none_of(kCounts, [&](auto prefix) { return name.starts_with(prefix); });
}

}  // namespace

DumpFamily family_of(const cgroup::Field& field) {
  DumpFamily family{"cgwarden_recorded_" + field.name, "", 1};
  std::ranges::replace(family.name, '.', '_');
  if (family.name.ends_with("_usec")) {
    family.name.replace(family.name.size() - 4, 4, "seconds");
    family.unit = "seconds";
    family.scale = 1e-6;
  } else if (field.name == "cpu.max.burst") {
    family.name += "_seconds";
    family.unit = "seconds";
    family.scale = 1e-6;
  } else if (is_bytes(field)) {
    const bool said = family.name.ends_with("bytes");
    if (said) family.name.resize(family.name.size() - 5);  // rbytes: r_bytes
    family.name += "_bytes";
    family.unit = "bytes";
  }
  return family;
}

std::unique_ptr<DumpWriter> make_dump_writer(const std::string& format,
                                             std::vector<cgroup::Field> fields, std::FILE* out) {
  if (format == "csv") return std::make_unique<CsvDump>(std::move(fields), out);
  if (format == "openmetrics") return std::make_unique<OpenMetricsDump>(std::move(fields), out);
  return std::make_unique<JsonDump>(std::move(fields), out);
}

}  // namespace cgwarden::cli
