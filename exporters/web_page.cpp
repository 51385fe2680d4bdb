#include "exporters/web_page.h"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <cmath>
#include <utility>

#include "base/limits.h"
#include "base/text.h"
#include "exporters/web_page_files.h"
#include "exporters/web_page_rows.h"

namespace cgwarden::exporters {
namespace {

using Json = nlohmann::json;

constexpr std::string_view kApi = "/api/v1/";
constexpr std::string_view kJson = "application/json";
constexpr std::string_view kPlain = "text/plain; charset=utf-8";

const WebPageFile* file_of(std::string_view path) {
  const auto files = web_page_files();
  const auto found = std::ranges::find(files, path == "/" ? std::string_view("/page.html") : path,
                                       &WebPageFile::path);
  return found != files.end() ? &*found : nullptr;
}

// A page of another site that has got its name resolved to this machine (DNS rebinding) sends that
// name; a person who types an address, or the node's name, does not.
bool is_our_host(std::string_view host, const std::string& node) {
  if (host.starts_with('[')) return true;  // an IPv6 address
  host = host.substr(0, host.find(':'));
  const bool address = !host.empty() && host.find_first_not_of("0123456789.") == host.npos;
  return address || host.empty() || host == "localhost" || host == node;
}

WebPageAnswer text(unsigned status, std::string body) {
  return {status, kPlain, std::move(body) + "\n"};
}

WebPageAnswer failed(const Error& error) {
  const unsigned status = error.kind == ErrorKind::vanished ? 404
                          : error.kind == ErrorKind::busy   ? 503
                                                            : 500;
  return text(status, error.sentence());
}

std::string dump(const Json& json) {
  return json.dump(-1, ' ', false, Json::error_handler_t::replace);
}

WebPageAnswer verdicts(const WebPageSource& source, Usec since) {
  const auto found = source.verdicts(since, limits::kWebPageVerdicts);
  if (!found) return failed(found.error());
  Json all = Json::array();
  for (const auto& verdict : *found) {
    all.push_back({{"name", printable(verdict.workload)},
                   {"incarnation", verdict.incarnation},
                   {"verdict", diagnosis::to_string(verdict.verdict)},
                   {"confidence", diagnosis::to_string(verdict.confidence)},
                   {"death", verdict.death},
                   {"from_wall_usec", verdict.from.wall.count()},
                   {"wall_usec", verdict.when.wall.count()},
                   {"answer", printable(verdict.answer)}});
  }
  return {200, kJson,
          dump({{"version", 1}, {"since_wall_usec", since.count()}, {"verdicts", std::move(all)}})};
}

// Six digits tell a pixel from its neighbour.
Json column(const WebPageHistory::Column& values, double scale) {
  Json all = Json::array();
  for (const auto& value : values) {
    all.push_back(value ? Json(std::round(*value * scale) / scale) : Json(nullptr));
  }
  return all;
}

WebPageAnswer history(const WebPageSource& source, const std::string& cgroup, Usec since) {
  if (cgroup.empty()) return text(400, "the argument cgroup is missing");
  const auto found = source.history(cgroup, since);
  if (!found) return failed(found.error());
  return {200, kJson,
          dump({{"version", 1},
                {"wall_usec", found->wall_usec},
                {"cpu_cores", column(found->cpu_cores, 1e6)},
                {"throttled_ratio", column(found->throttled_ratio, 1e6)},
                {"memory_bytes", column(found->memory_bytes, 1)},
                {"memory_max_bytes", column(found->memory_max_bytes, 1)}})};
}

WebPageAnswer data(const WebPageRequest& request, const View* view, const WebPageSource& source,
                   Usec wall) {
  const std::string_view what = std::string_view(request.path).substr(kApi.size());
  if (what == "cgroups") {
    if (view == nullptr || !view->snapshot) return text(503, "the first sample is not taken yet");
    return {200, kJson, web_page_rows(*view, source.node())};
  }
  if (what == "why") {
    if (request.name.empty()) return text(400, "the argument name is missing");
    auto answer = source.why(request.name, request.authenticated);
    return answer ? WebPageAnswer{200, kPlain, *std::move(answer)} : failed(answer.error());
  }
  const auto hours =
      request.hours.empty() ? std::optional(24U) : parse_integer<unsigned>(request.hours);
  if (!hours || *hours == 0 || *hours > limits::kWebPageHours) {
    return text(400, "hours is a number from 1 to " + std::to_string(limits::kWebPageHours));
  }
  const Usec span = std::min(std::chrono::duration_cast<Usec>(std::chrono::hours(*hours)), wall);
  if (what == "verdicts") return verdicts(source, wall - span);
  if (what == "history") return history(source, request.cgroup, wall - span);
  return text(404, "not found; below /api/v1 are cgroups, verdicts, why and history");
}

}  // namespace

bool is_web_page_path(std::string_view path) {
  return path.starts_with(kApi) || file_of(path) != nullptr;
}

std::optional<WebPageAnswer> web_page(const WebPageRequest& request, const View* view,
                                      const WebPageSource& source, Usec wall) {
  const bool is_data = std::string_view(request.path).starts_with(kApi);
  const WebPageFile* file = is_data ? nullptr : file_of(request.path);
  if (!is_data && file == nullptr) return std::nullopt;
  if (!request.trusted) {
    return text(403,
                "this page is for clients on this machine, or with a password or a certificate "
                "(basic_auth_users, client_auth_type of the web configuration); /metrics is open");
  }
  // Who has shown who he is was not sent here by a foreign page.
  if (!request.authenticated && !is_our_host(request.host, source.node())) {
    return text(403, "the name in the address is not that of this machine; use its address");
  }
  if (is_data) return data(request, view, source, wall);
  return WebPageAnswer{200, file->content_type, std::string(file->text)};
}

}  // namespace cgwarden::exporters
