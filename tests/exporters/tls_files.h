#pragma once

#include <filesystem>
#include <string>

namespace cgwarden::exporters {

// Certificates made by the openssl program, in a directory that goes at the end: a CA, a server's
// for localhost, and a client's by that CA and one that signed itself.
class TlsFiles {
 public:
  TlsFiles();
  ~TlsFiles();
  TlsFiles(const TlsFiles&) = delete;
  TlsFiles& operator=(const TlsFiles&) = delete;

  [[nodiscard]] bool made() const { return made_; }
  // "ca.crt", "server.crt", "server.key", "client.crt", ..., "stranger.crt", ...
  [[nodiscard]] std::string path(const std::string& name) const;
  [[nodiscard]] std::string text(const std::string& name) const;

 private:
  std::filesystem::path directory_;
  bool made_ = false;
};

// What `openssl s_client` got from the port for the requests: everything after the handshake, or
// "" when there was none. `options` are words of its command line.
[[nodiscard]] std::string ask_over_tls(std::uint16_t port, const std::string& request,
                                       const std::string& options = "");

}  // namespace cgwarden::exporters
