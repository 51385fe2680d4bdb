#include "cli/terminal.h"

#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <set>
#include <string_view>

#include "agent/workload_files.h"
#include "base/text.h"
#include "cli/exit_code.h"
#include "cli/local_time.h"
#include "cli/yaml_text.h"
#include "diagnosis/store.h"

namespace cgwarden::cli {
namespace {

constexpr std::size_t kMinWidth = 60;
constexpr std::size_t kMaxWidth = 120;
// A hint, not a listing.
constexpr std::size_t kNamesShown = 10;

// As setlocale(3) chooses: the first that is set and not empty.
bool utf8_locale() {
  for (const auto* variable : {"LC_ALL", "LC_CTYPE", "LANG"}) {
    const char* value = std::getenv(variable);
    if (value == nullptr || *value == '\0') continue;
    const std::string_view locale = value;
    return locale.contains("UTF-8") || locale.contains("utf8");
  }
  return false;
}

}  // namespace

bool on_terminal() { return ::isatty(STDOUT_FILENO) == 1; }

diagnosis::ReportStyle report_style() {
  diagnosis::ReportStyle style;
  style.unicode = utf8_locale();
  style.wall_text = wall_text;
  if (!on_terminal()) return style;
  const char* no_color = std::getenv("NO_COLOR");
  style.color = no_color == nullptr || *no_color == '\0';
  winsize size{};
  if (::ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0) {
    style.width = std::clamp<std::size_t>(size.ws_col, kMinWidth, kMaxWidth);
  }
  return style;
}

void print(const std::string& text) { std::fwrite(text.data(), 1, text.size(), stdout); }

void print_document(const std::string& json, bool yaml) { print(yaml ? yaml_text(json) : json); }

void complain(std::string sentence) {
  std::fflush(stdout);
  // A sentence may be followed by diagnostics on lines of their own.
  while (sentence.ends_with('\n')) sentence.pop_back();
  if (const std::size_t at = sentence.find(": \n"); at != std::string::npos)
    sentence.erase(at + 1, 1);
  std::fprintf(stderr, "cgwarden: %s\n", sentence.c_str());
}

int failed(const Error& error) {
  complain(error.sentence());
  return kRuntime;
}

int no_such_workload(const std::string& name, const std::string& runtime_dir,
                     const std::string& store_path) {
  std::set<std::string> known;
  if (const auto names = agent::list_workload_names(runtime_dir)) {
    known.insert(names->begin(), names->end());
  }
  if (const auto store = diagnosis::StoreReader::open(store_path)) {
    if (const auto names = store->workloads()) known.insert(names->begin(), names->end());
  }
  std::string sentence = "there is no workload '" + printable(name) + "'";
  if (known.empty()) {
    sentence += "; none is known in " + runtime_dir;
  } else {
    sentence += "; known are: ";
    std::size_t shown = 0;
    for (const auto& other : known) {
      if (shown == kNamesShown) {
        sentence += ", ...";
        break;
      }
      sentence += (shown++ == 0 ? "" : ", ") + printable(other);
    }
  }
  complain(sentence);
  return kNoSuchWorkload;
}

}  // namespace cgwarden::cli
