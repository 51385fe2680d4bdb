#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "base/result.h"
#include "base/unique_fd.h"

namespace cgwarden::launcher {

// Output as entries of the systemd journal, one a line, by its native protocol (systemd's
// docs/JOURNAL_NATIVE_PROTOCOL.md): datagrams of fields, which need no library.
class Journal {
 public:
  // `fields`: "KEY=VALUE\n" lines of every entry. not_supported, with what to do, when no journald
  // answers.
  [[nodiscard]] static Result<Journal> open(std::string fields);

  // Sends what completes lines; the rest waits for its end, up to 48 KiB (journald.conf(5)
  // LineMax=). A journald that takes nothing for a second, or is gone, loses the line.
  void write(std::string_view bytes);
  // The last line, if it has no end.
  void flush();
  [[nodiscard]] std::size_t dropped_bytes() const { return dropped_; }

 private:
  Journal() = default;
  void send(std::string_view line);
  [[nodiscard]] bool connect();

  std::string fields_;
  UniqueFd socket_;
  std::string line_;
  std::size_t dropped_ = 0;
};

// "MESSAGE=..." and `fields` as one datagram.
[[nodiscard]] std::string journal_entry(std::string_view fields, std::string_view line);

}  // namespace cgwarden::launcher
