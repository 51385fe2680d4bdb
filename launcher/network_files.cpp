#include "launcher/network_files.h"

#include "base/text.h"

namespace cgwarden::launcher {
namespace {

bool is_nameserver(std::string_view line) {
  return line.starts_with("nameserver ") || line.starts_with("nameserver\t");
}

bool is_loopback_server(std::string_view line) {
  const std::string_view address = trim(line.substr(sizeof("nameserver")));
  return address.starts_with("127.") || address == "::1";
}

}  // namespace

std::string resolv_conf(const std::string& of_host, const std::vector<std::string>& nameservers) {
  std::string text;
  for (const auto& server : nameservers) text += "nameserver " + server + "\n";
  for (const std::string_view raw : split(of_host, '\n')) {
    const std::string_view line = trim(raw);
    if (line.empty() || line.starts_with('#') || line.starts_with(';')) continue;
    if (is_nameserver(line) && (!nameservers.empty() || is_loopback_server(line))) continue;
    text += std::string(line) + "\n";
  }
  return text;
}

std::string hosts_file(const std::string& hostname, const std::string& address,
                       const std::string& gateway) {
  std::string text = "127.0.0.1 localhost\n::1 localhost\n";
  if (!address.empty() && !hostname.empty()) {
    text += address.substr(0, address.find('/')) + " " + hostname + "\n";
  }
  if (!gateway.empty()) text += gateway + " host.containers.internal\n";
  return text;
}

}  // namespace cgwarden::launcher
