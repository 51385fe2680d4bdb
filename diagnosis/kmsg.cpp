#include "diagnosis/kmsg.h"

#include <algorithm>
#include <iterator>

#include "base/limits.h"
#include "base/text.h"

namespace cgwarden::diagnosis {
namespace {

int hex_digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

// devkmsg_emit() writes control and non-ASCII bytes and the backslash itself as \xNN.
std::string unescape(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  for (std::size_t at = 0; at < text.size(); ++at) {
    if (text[at] == '\\' && at + 3 < text.size() && text[at + 1] == 'x') {
      const int high = hex_digit(text[at + 2]);
      const int low = hex_digit(text[at + 3]);
      if (high >= 0 && low >= 0) {
        out += static_cast<char>(high * 16 + low);
        at += 3;
        continue;
      }
    }
    out += text[at];
  }
  return out;
}

}  // namespace

Result<KmsgRecord> parse_kmsg_record(std::string_view record) {
  const auto bad = [](const char* why) {
    return fail(Error::malformed("parse", "/dev/kmsg", why));
  };
  const std::size_t semicolon = record.find(';');
  if (semicolon == std::string_view::npos) return bad("a record has no ';'");
  const auto fields = split(record.substr(0, semicolon), ',');
  if (fields.size() < 4) return bad("a record has fewer than four fields");
  const auto priority = parse_integer<unsigned>(fields[0]);
  const auto sequence = parse_integer<std::uint64_t>(fields[1]);
  const auto usec = parse_integer<std::uint64_t>(fields[2]);
  if (!priority || !sequence || !usec) return bad("a field is not a number");
  KmsgRecord parsed;
  parsed.priority = *priority;
  parsed.sequence = *sequence;
  parsed.boottime = Usec(*usec);
  parsed.continuation = fields[3].find('c') != std::string_view::npos;
  // Lines that begin with a blank are the record's dictionary (SUBSYSTEM=, DEVICE=), not its text.
  std::string_view text = record.substr(semicolon + 1);
  text = text.substr(0, text.find('\n'));
  parsed.text = unescape(text);
  return parsed;
}

void KmsgGaps::add(const KmsgGap& gap) {
  gaps_.push_back(gap);
  if (gaps_.size() <= limits::kKernelLogGaps) return;
  gaps_[1].from = gaps_[0].from;
  gaps_[1].count += gaps_[0].count;
  gaps_.erase(gaps_.begin());
}

std::vector<KmsgGap> KmsgGaps::between(Usec from, Usec to) const {
  std::vector<KmsgGap> found;
  std::ranges::copy_if(gaps_, std::back_inserter(found),
                       [&](const KmsgGap& gap) { return gap.to >= from && gap.from <= to; });
  return found;
}

}  // namespace cgwarden::diagnosis
