#include "agent/web_security_file.h"

#include <fcntl.h>
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <utility>

#include "base/file.h"
#include "base/limits.h"
#include "exporters/http_tls.h"
#include "policy/web_config.h"

namespace cgwarden::agent {
namespace {

// In the order of policy::TlsVersion.
constexpr std::array kVersions{"TLS1.0", "TLS1.1", "TLS1.2", "TLS1.3"};

constexpr std::array<std::pair<std::string_view, std::string_view>, 4> kGroups{
    {{"CurveP256", "SECP256R1"},
     {"CurveP384", "SECP384R1"},
     {"CurveP521", "SECP521R1"},
     {"X25519", "X25519"}}};

// gnutls_priority_init(3).
std::string priority_of(const policy::WebTls& tls) {
  std::string text = "NORMAL:-VERS-ALL";
  for (auto version = static_cast<std::size_t>(tls.min_version);
       version <= static_cast<std::size_t>(tls.max_version); ++version) {
    text += fmt::format(":+VERS-{}", kVersions.at(version));
  }
  if (tls.prefer_server_cipher_suites) text += ":%SERVER_PRECEDENCE";
  if (!tls.curves.empty()) text += ":-GROUP-ALL";
  for (const std::string& curve : tls.curves) {
    const auto* group =
        std::ranges::find(kGroups, curve, [](const auto& row) { return row.first; });
    if (group != kGroups.end()) text += fmt::format(":+GROUP-{}", group->second);
  }
  return text;
}

exporters::ClientAuth client_auth_of(policy::ClientAuthType type) {
  switch (type) {
    case policy::ClientAuthType::no_client_cert:
      return exporters::ClientAuth::none;
    case policy::ClientAuthType::request_client_cert:
      return exporters::ClientAuth::request;
    case policy::ClientAuthType::require_any_client_cert:
      return exporters::ClientAuth::require_any;
    case policy::ClientAuthType::verify_client_cert_if_given:
      return exporters::ClientAuth::verify_if_given;
    case policy::ClientAuthType::require_and_verify_client_cert:
      return exporters::ClientAuth::require_and_verify;
  }
  return exporters::ClientAuth::require_and_verify;
}

}  // namespace

WebSecurityFile::Stamp WebSecurityFile::stamp_of(const std::string& path) {
  Stamp stamp{.path = path};
  struct stat status{};
  if (::stat(path.c_str(), &status) != 0) return stamp;
  stamp.device = status.st_dev;
  stamp.inode = status.st_ino;
  stamp.size = status.st_size;
  stamp.seconds = status.st_mtim.tv_sec;
  stamp.nanoseconds = status.st_mtim.tv_nsec;
  return stamp;
}

// Neither may a FIFO hold the loop up, nor a device be read.
Result<std::string> WebSecurityFile::read(const std::string& path) {
  // The stamp is of before the reading: a change in between is seen once too often, never missed.
  read_.push_back(stamp_of(path));
  CGW_ASSIGN(const UniqueFd fd, open_at(AT_FDCWD, path, O_RDONLY | O_NONBLOCK | O_NOCTTY));
  struct stat status{};
  if (::fstat(fd.get(), &status) != 0) return fail(Error::from_errno(errno, "stat", path));
  if (!S_ISREG(status.st_mode)) {
    return fail(Error::invalid(
        "read", path, S_ISDIR(status.st_mode) ? "it is a directory" : "it is no plain file"));
  }
  return read_all(fd.get(), path, limits::kYamlFileBytes);
}

// The error says where the file is named.
Result<std::string> WebSecurityFile::pem(const policy::PemSource& source) {
  if (source.path.empty()) return source.text;
  auto text = read(source.path);
  if (text) return text;
  Error error = std::move(text).error();
  error.where = fmt::format("{}, the {} of {}", error.where, source.key, source.position.text());
  return fail(std::move(error));
}

Result<exporters::WebSecurity> WebSecurityFile::load() {
  read_.clear();
  notes_.clear();
  if (path_.empty()) return exporters::WebSecurity{};
  CGW_ASSIGN(const std::string yaml, read(path_));
  auto loaded = policy::load_web_config(yaml, path_);
  if (!loaded) {
    return fail(Error::invalid("load the web configuration from", path_,
                               "\n" + policy::render(loaded.error())));
  }
  exporters::WebSecurity security;
  security.users = std::move(loaded->users);
  security.headers = std::move(loaded->headers);
  if (loaded->rate_limit) {
    security.rate_limit = {.interval = loaded->rate_limit->interval,
                           .burst = loaded->rate_limit->burst};
  }
  if (loaded->http2) {
    notes_.emplace_back("http2 is asked for: the endpoint speaks HTTP/1.1, as all its clients can");
  }
  if (!loaded->tls) return security;
  const policy::WebTls& from = *loaded->tls;
  exporters::TlsSettings tls;
  CGW_ASSIGN(tls.certificate, pem(from.certificate));
  CGW_ASSIGN(tls.key, pem(from.key));
  CGW_ASSIGN(tls.client_ca, pem(from.client_ca));
  tls.client_auth = client_auth_of(from.client_auth);
  tls.client_sans = from.client_allowed_sans;
  tls.priority = priority_of(from);
  tls.suites = from.cipher_suites;
  security.tls = std::move(tls);
  return security;
}

bool WebSecurityFile::changed() const {
  return std::ranges::any_of(read_,
                             [](const Stamp& stamp) { return stamp_of(stamp.path) != stamp; });
}

Result<std::vector<std::string>> check_web_config(const std::string& path) {
  WebSecurityFile file(path);
  CGW_ASSIGN(const exporters::WebSecurity security, file.load());
  if (security.tls) CGW_TRY(exporters::TlsContext::create(*security.tls));
  return file.notes();
}

}  // namespace cgwarden::agent
