#include "agent/why.h"

#include <poll.h>
#include <unistd.h>

#include <cstdio>
#include <optional>
#include <string>
#include <tuple>

#include "base/clock.h"
#include "cli/around.h"
#include "cli/commands.h"
#include "cli/exit_code.h"
#include "cli/history_report.h"
#include "cli/json_output.h"
#include "cli/since.h"
#include "cli/terminal.h"

namespace cgwarden::cli {
namespace {

constexpr int kWatchMs = 1000;

int tell(const Common& common, const agent::WhyAnswer& answer) {
  if (!answer.notice.empty()) complain(answer.notice);
  const auto style = report_style();
  std::optional<Around> around;
  if (answer.verdict) {
    around = recorded_around(common.where, *answer.verdict, history_columns(style));
  }
  if (common.json) {
    print_document(why_json(answer, around), common.yaml);
  } else {
    print(why_text(answer, style,
                   around ? around_lines(*around, style) : std::vector<std::string>()));
  }
  return answer.verdict && answer.verdict->verdict == diagnosis::VerdictClass::unknown
             ? kVerdictUnknown
             : kOk;
}

int refused(const Common& common, const WhyOptions& options, const Error& error) {
  if (error.kind != ErrorKind::vanished) return failed(error);
  // Names are what a mistaken name is answered with.
  if (!options.incarnation && error.operation == "explain") {
    return no_such_workload(options.name, common.where.runtime_dir,
                            agent::store_path(common.where));
  }
  complain(error.sentence());
  return kNoSuchWorkload;
}

// What a new death, a new start or a stall that begins or ends changes; counters do not.
auto essence(const agent::WhyAnswer& answer) {
  const bool runs = answer.running && answer.running->summary.pid > 0;
  return std::tuple(answer.verdict ? answer.verdict->verdict : diagnosis::VerdictClass::unknown,
                    answer.verdict ? answer.verdict->from.wall : Usec{0},
                    answer.verdict && answer.verdict->death ? answer.verdict->when.wall : Usec{0},
                    runs ? answer.running->summary.pid : 0);
}

// Until it is interrupted.
int watch(const Common& common, const WhyOptions& options, const agent::WhyQuestion& question) {
  std::optional<decltype(essence({}))> told;
  for (;;) {
    const auto answer = agent::why(common.where, question);
    if (!answer && !told) return refused(common, options, answer.error());
    if (answer && (!told || *told != essence(*answer))) {
      if (told && !common.json) print("\n");
      told = essence(*answer);
      tell(common, *answer);
      std::fflush(stdout);
    }
    // Also ends when nobody reads any more.
    pollfd output{STDOUT_FILENO, 0, 0};
    if (::poll(&output, 1, kWatchMs) > 0 && (output.revents & (POLLERR | POLLHUP)) != 0) return kOk;
  }
}

}  // namespace

int why(const Common& common, const WhyOptions& options) {
  agent::WhyQuestion question{.name = options.name, .incarnation = options.incarnation};
  if (!options.since.empty()) {
    const auto since = parse_since(options.since, SystemClock().now().wall);
    if (!since) {
      complain(since.error().sentence());
      return kUsage;
    }
    question.since_wall = *since;
  }
  if (options.watch) return watch(common, options, question);
  const auto answer = agent::why(common.where, question);
  return answer ? tell(common, *answer) : refused(common, options, answer.error());
}

}  // namespace cgwarden::cli
