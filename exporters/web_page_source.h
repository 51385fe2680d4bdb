#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "base/units.h"
#include "diagnosis/verdict.h"

namespace cgwarden::exporters {

// What was recorded of one cgroup, column by column, all of the same length; oldest first. A value
// is absent where none was recorded.
struct WebPageHistory {
  std::vector<std::uint64_t> wall_usec;
  using Column = std::vector<std::optional<double>>;
  Column cpu_cores;         // CPU seconds per second
  Column throttled_ratio;   // share of the periods, 0..1
  Column memory_bytes;      // memory.current
  Column memory_max_bytes;  // the smallest memory.max from it to the root; absent: no limit
};

// What the web page asks of the agent beside the published View. Called from the HTTP threads, also
// from several at a time.
class WebPageSource {
 public:
  WebPageSource() = default;
  virtual ~WebPageSource() = default;
  WebPageSource(const WebPageSource&) = delete;
  WebPageSource& operator=(const WebPageSource&) = delete;

  // The machine's name, for people.
  [[nodiscard]] virtual std::string node() const = 0;
  // Deaths and stalls of everybody since then, newest first.
  [[nodiscard]] virtual Result<std::vector<diagnosis::Verdict>> verdicts(
      Usec since_wall, std::size_t most) const = 0;
  // The text of `cgwarden why NAME`, with or without the last output of its command. vanished:
  // nothing is known under that name. busy: too many ask.
  [[nodiscard]] virtual Result<std::string> why(const std::string& name,
                                                bool with_last_words) const = 0;
  // Of a cgroup by its path, since then. vanished: nothing was recorded of it. busy: as above.
  [[nodiscard]] virtual Result<WebPageHistory> history(const std::string& cgroup,
                                                       Usec since_wall) const = 0;
};

}  // namespace cgwarden::exporters
