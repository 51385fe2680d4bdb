#include "cli/kmsg_text.h"

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <algorithm>

#include "base/text.h"
#include "cli/local_time.h"

namespace cgwarden::cli {
namespace {

using diagnosis::KernelLogLine;
using diagnosis::KernelLogOfBoot;
using diagnosis::StoredKernelLogGap;

// Lines and gaps in the order of time; a gap stands before the line after it.
template <typename Line, typename Gap>
void in_order(const KernelLogOfBoot& boot, Line line, Gap gap) {
  auto next = boot.log.gaps.begin();
  for (const auto& one : boot.log.lines) {
    for (; next != boot.log.gaps.end() && next->gap.to <= one.when.boottime; ++next) gap(*next);
    line(one);
  }
  for (; next != boot.log.gaps.end(); ++next) gap(*next);
}

std::string why_missing(const StoredKernelLogGap& gap) {
  return gap.reason == StoredKernelLogGap::Reason::overwritten
             ? "the kernel overwrote them before the agent read them"
             : "they came as a flood";
}

}  // namespace

std::string kmsg_lines(const std::vector<KernelLogOfBoot>& boots) {
  std::string text;
  for (const auto& boot : boots) {
    if (boots.size() > 1) text += fmt::format("-- boot {} --\n", printable(boot.boot_id));
    in_order(
        boot,
        [&](const KernelLogLine& line) {
          text += fmt::format("{} [{:5}.{:06}] {}\n", wall_text(line.when.wall),
                              line.printk.count() / 1'000'000U, line.printk.count() % 1'000'000U,
                              printable(line.text));
        },
        [&](const StoredKernelLogGap& gap) {
          text += fmt::format("-- {} lines are missing up to {}: {} --\n", gap.gap.count,
                              wall_text(gap.wall), why_missing(gap));
        });
  }
  return text;
}

std::string kmsg_json(const std::vector<KernelLogOfBoot>& boots) {
  std::string text;
  const auto add = [&](const nlohmann::json& object) {
    text += object.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace) + "\n";
  };
  for (const auto& boot : boots) {
    in_order(
        boot,
        [&](const KernelLogLine& line) {
          add({{"boot_id", boot.boot_id},
               {"wall_usec", line.when.wall.count()},
               {"sequence", line.sequence},
               {"usec", line.printk.count()},
               {"priority", line.priority},
               {"text", printable(line.text)}});
        },
        [&](const StoredKernelLogGap& gap) {
          add({{"boot_id", boot.boot_id},
               {"wall_usec", gap.wall.count()},
               {"missing", gap.gap.count},
               {"reason", gap.reason == StoredKernelLogGap::Reason::overwritten ? "overwritten"
                                                                                : "dropped"}});
        });
  }
  return text;
}

void keep_newest_lines(std::vector<KernelLogOfBoot>& boots, std::size_t most) {
  for (auto boot = boots.rbegin(); boot != boots.rend(); ++boot) {
    auto& lines = boot->log.lines;
    const std::size_t kept = std::min(most, lines.size());
    most -= kept;
    if (kept < lines.size()) {
      lines.erase(lines.begin(), lines.end() - static_cast<std::ptrdiff_t>(kept));
      const Usec first = lines.empty() ? Usec::max() : lines.front().when.boottime;
      std::erase_if(boot->log.gaps, [&](const auto& gap) { return gap.gap.to < first; });
    }
  }
  std::erase_if(boots,
                [](const auto& boot) { return boot.log.lines.empty() && boot.log.gaps.empty(); });
}

}  // namespace cgwarden::cli
