#include "diagnosis/report.h"

#include <fmt/format.h>

#include <algorithm>
#include <string_view>

#include "base/text.h"
#include "diagnosis/restart_story.h"

namespace cgwarden::diagnosis {
namespace {

constexpr std::size_t kIndent = 2;
constexpr std::size_t kEarlierShown = 5;

class Page {
 public:
  explicit Page(const ReportStyle& style) : style_(style) {}

  void headline(std::string_view text, Confidence confidence) {
    const std::string safe = printable(text);
    if (!style_.color) {
      out_ += safe + "\n\n";
      return;
    }
    const std::string_view color = confidence == Confidence::unknown ? "\033[1;33m" : "\033[1m";
    out_ += fmt::format("{}{}\033[0m\n\n", color, safe);
  }
  void field(std::string_view name, std::string_view value) {
    out_ += fmt::format("{:<12} {}\n", name, printable(value));
  }
  void section(std::string_view title) {
    out_ +=
        style_.color ? fmt::format("\n\033[1m{}\033[0m\n", title) : fmt::format("\n{}\n", title);
  }
  // Wrapped at blanks; a word longer than the line stands alone.
  void item(std::string_view text) {
    const std::string safe = printable(text);
    const std::string_view bullet = style_.unicode ? "\xe2\x80\xa2 " : "- ";
    std::string line(kIndent, ' ');
    line += bullet;
    std::size_t used = kIndent + 2;
    const std::size_t start = used;
    for (const auto word : split(safe, ' ')) {
      if (used > start && used + word.size() + 1 > style_.width) {
        out_ += line + "\n";
        line.assign(start, ' ');
        used = start;
      } else if (used > start) {
        line += ' ';
        ++used;
      }
      line += word;
      used += word.size();
    }
    out_ += line + "\n";
  }
  void row(std::string_view source, std::string_view reference, std::string_view quote) {
    out_ += fmt::format("{:{}}{:<20} {}\n{:{}}{}\n", "", kIndent, printable(source),
                        printable(reference), "", kIndent + 4, printable(quote));
  }
  void raw(std::string_view line) { out_ += fmt::format("{:{}}{}\n", "", kIndent, line); }
  [[nodiscard]] std::string text() && { return std::move(out_); }

 private:
  ReportStyle style_;
  std::string out_;
};

void list(Page& page, std::string_view title, const std::vector<std::string>& items) {
  if (items.empty()) return;
  page.section(title);
  for (const auto& item : items) page.item(item);
}

std::string limit_value(const LimitHit& limit) {
  if (limit.file.starts_with("memory.")) {
    if (const auto bytes = parse_integer<std::uint64_t>(limit.value)) {
      return fmt::format("{} ({})", limit.value, human_bytes(Bytes{*bytes}));
    }
  }
  return limit.value.empty() ? "(not read)" : limit.value;
}

void facts(Page& page, const Verdict& verdict, const ReportStyle& style) {
  page.field("Verdict",
             fmt::format("{}, {}", to_string(verdict.verdict), to_string(verdict.confidence)));
  const Usec ran = verdict.when.boottime > verdict.from.boottime
                       ? verdict.when.boottime - verdict.from.boottime
                       : Usec{0};
  page.field(verdict.death ? "Died" : "Seen",
             fmt::format("{}, {} {}", style.wall_text(verdict.when.wall),
                         verdict.death ? "after" : "for", human_duration(ran)));
  // Of a cgroup whose runs nobody counts there is none.
  if (verdict.incarnation > 0) page.field("Incarnation", std::to_string(verdict.incarnation));
  if (verdict.actor) {
    page.field("By", verdict.actor->pid
                         ? fmt::format("{} (pid {})", verdict.actor->what, *verdict.actor->pid)
                         : verdict.actor->what);
  }
  if (verdict.limit) {
    page.field("Limit", fmt::format("{} = {} of {}", verdict.limit->file,
                                    limit_value(*verdict.limit), verdict.limit->cgroup));
  }
  if (verdict.victim && verdict.victim->pid > 0) {
    page.field(
        "Victim",
        fmt::format("pid {}{}{}", verdict.victim->pid,
                    verdict.victim->comm.empty() ? "" : " `" + verdict.victim->comm + "`",
                    verdict.victim->rss ? ", RSS " + human_bytes(*verdict.victim->rss) : ""));
  }
}

void last_words(Page& page, const Verdict& verdict) {
  if (trim(verdict.stderr_tail).empty()) return;
  page.section("Last words (stderr)");
  auto lines = split(trim(verdict.stderr_tail), '\n');
  constexpr std::size_t kLines = 10;
  if (lines.size() > kLines) lines.erase(lines.begin(), lines.end() - kLines);
  for (const auto line : lines) page.raw(printable(line));
}

// `told` deaths are in the story of the restarts already.
void before_that(Page& page, const std::vector<Verdict>& earlier, std::size_t told,
                 const ReportStyle& style) {
  std::vector<const Verdict*> rest;
  for (const Verdict& verdict : earlier) {
    if (verdict.death && told > 0) {
      --told;
    } else {
      rest.push_back(&verdict);
    }
  }
  if (rest.empty()) return;
  page.section("Before that");
  const std::size_t shown = std::min(rest.size(), kEarlierShown);
  for (std::size_t i = 0; i < shown; ++i) {
    page.item(fmt::format("{}  {}  {}", style.wall_text(rest[i]->when.wall),
                          to_string(rest[i]->verdict), rest[i]->answer));
  }
  if (rest.size() > shown) page.item(fmt::format("and {} more", rest.size() - shown));
}

}  // namespace

std::string report(const Verdict& verdict, const std::vector<Verdict>& earlier,
                   const ReportStyle& style, const ReportMore& more) {
  Page page(style);
  page.headline(verdict.answer, verdict.confidence);
  facts(page, verdict, style);
  const auto story = more.story ? more.story : restart_story(verdict, earlier);
  if (story) list(page, "Restarts", {tell(*story, verdict.workload, style.wall_text)});
  if (!more.around.empty()) {
    page.section("Around it");
    for (const auto& line : more.around) page.raw(line);
  }
  if (!verdict.evidence.empty()) {
    page.section("Evidence");
    for (const auto& item : verdict.evidence) page.row(item.source, item.reference, item.quote);
  }
  list(page, "Ruled out", verdict.ruled_out);
  list(page, "Contributing", verdict.contributing);
  list(page, "Evidence lost", verdict.evidence_lost);
  last_words(page, verdict);
  list(page, "What to do", verdict.advice);
  before_that(page, earlier, story ? story->deaths - (verdict.death ? 1 : 0) : 0, style);
  return std::move(page).text();
}

}  // namespace cgwarden::diagnosis
