#include "tls_files.h"

#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <memory>

namespace cgwarden::exporters {

TlsFiles::TlsFiles() {
  std::string name = (std::filesystem::temp_directory_path() / "cgwarden-XXXXXX").string();
  directory_ = ::mkdtemp(name.data());
  // EC keys: made in a millisecond.
  const std::string script = "cd " + directory_.string() + R"( && exec >/dev/null 2>&1 && set -e
self() { openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 3650 -subj "/CN=$1" -keyout $1.key -out $1.crt; }
signed() {
  openssl req -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -subj "/CN=$1" -keyout $1.key -out $1.csr
  printf 'subjectAltName=%s\nextendedKeyUsage=%s\n' "$2" "$3" > $1.ext
  openssl x509 -req -in $1.csr -CA ca.crt -CAkey ca.key -CAcreateserial -days 3650 -extfile $1.ext -out $1.crt
}
self ca
signed server DNS:localhost,IP:127.0.0.1 serverAuth
signed client DNS:prometheus.example,IP:10.0.0.1 clientAuth
self stranger)";
  made_ = std::system(script.c_str()) == 0;
}

TlsFiles::~TlsFiles() { std::filesystem::remove_all(directory_); }

std::string TlsFiles::path(const std::string& name) const { return directory_ / name; }

std::string TlsFiles::text(const std::string& name) const {
  std::ifstream file(path(name));
  return {std::istreambuf_iterator<char>(file), {}};
}

std::string ask_over_tls(std::uint16_t port, const std::string& request,
                         const std::string& options) {
  // -ign_eof: read until the server closes, which "Connection: close" makes it do.
  const std::string command = "printf '" + request +
                              "' | timeout 20 openssl s_client -quiet -ign_eof -connect "
                              "127.0.0.1:" +
                              std::to_string(port) + " " + options + " 2>/dev/null";
  const std::unique_ptr<FILE, int (*)(FILE*)> pipe(::popen(command.c_str(), "re"), &::pclose);
  std::string answer;
  char buffer[65536];
  for (std::size_t size = 0; (size = ::fread(buffer, 1, sizeof buffer, pipe.get())) > 0;) {
    answer.append(buffer, size);
  }
  return answer;
}

}  // namespace cgwarden::exporters
