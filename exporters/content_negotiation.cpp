#include "exporters/content_negotiation.h"

#include <algorithm>
#include <optional>
#include <string>
#include <vector>

#include "base/limits.h"
#include "base/text.h"

namespace cgwarden::exporters {
namespace {

// One element of a header: "application/openmetrics-text; version=1.0.0; q=0.5". q in thousandths.
struct Offer {
  std::string name;  // lower case
  std::string version{};
  unsigned q = 1000;
};

std::string lower(std::string_view text) {
  std::string out(text);
  for (char& c : out) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  return out;
}

// Pieces between separators that are not inside a quoted string; no more than `most`.
std::vector<std::string_view> split_unquoted(std::string_view text, char separator,
                                             std::size_t most) {
  std::vector<std::string_view> pieces;
  bool quoted = false;
  std::size_t begin = 0;
  for (std::size_t i = 0; i < text.size() && pieces.size() < most; ++i) {
    if (quoted && text[i] == '\\') {
      ++i;
    } else if (text[i] == '"') {
      quoted = !quoted;
    } else if (text[i] == separator && !quoted) {
      pieces.push_back(trim(text.substr(begin, i - begin)));
      begin = i + 1;
    }
  }
  if (pieces.size() < most) pieces.push_back(trim(text.substr(begin)));
  return pieces;
}

// qvalue of RFC 9110: 0 to 1 with at most three digits after the point.
std::optional<unsigned> parse_q(std::string_view text) {
  if (text.empty() || text.size() > 5 || (text[0] != '0' && text[0] != '1')) return std::nullopt;
  unsigned q = text[0] == '1' ? 1000 : 0;
  if (text.size() == 1) return q;
  if (text[1] != '.') return std::nullopt;
  unsigned place = 100;
  for (const char c : text.substr(2)) {
    if (c < '0' || c > '9') return std::nullopt;
    q += static_cast<unsigned>(c - '0') * place;
    place /= 10;
  }
  if (q > 1000) return std::nullopt;
  return q;
}

std::string_view unquoted(std::string_view text) {
  if (text.size() >= 2 && text.front() == '"' && text.back() == '"') {
    return text.substr(1, text.size() - 2);
  }
  return text;
}

std::optional<Offer> parse_offer(std::string_view element) {
  const auto pieces = split_unquoted(element, ';', limits::kHttpAcceptElements);
  if (pieces.front().empty()) return std::nullopt;
  Offer offer{.name = lower(pieces.front())};
  for (std::size_t i = 1; i < pieces.size(); ++i) {
    const std::size_t equals = pieces[i].find('=');
    if (equals == std::string_view::npos) continue;
    const std::string name = lower(trim(pieces[i].substr(0, equals)));
    const std::string_view value = unquoted(trim(pieces[i].substr(equals + 1)));
    if (name == "version") offer.version = value;
    if (name == "q") {
      const auto q = parse_q(value);
      if (!q) return std::nullopt;
      offer.q = *q;
    }
  }
  return offer;
}

std::vector<Offer> parse_offers(std::string_view header) {
  std::vector<Offer> offers;
  for (const auto element : split_unquoted(header, ',', limits::kHttpAcceptElements)) {
    if (auto offer = parse_offer(element)) offers.push_back(*std::move(offer));
  }
  return offers;
}

// The highest q given to `name`, with `version` or none; nullopt when it is not named.
std::optional<unsigned> q_of(const std::vector<Offer>& offers, std::string_view name,
                             std::string_view version = {}) {
  std::optional<unsigned> best;
  for (const Offer& offer : offers) {
    if (offer.name != name || (!offer.version.empty() && offer.version != version)) continue;
    best = std::max(best.value_or(0), offer.q);
  }
  return best;
}

}  // namespace

Exposition preferred_exposition(std::string_view accept) {
  const auto offers = parse_offers(accept);
  const auto open_metrics = q_of(offers, "application/openmetrics-text", "1.0.0");
  auto text = q_of(offers, "text/plain", "0.0.4");
  // The most specific range decides.
  if (!text) text = q_of(offers, "text/*");
  if (!text) text = q_of(offers, "*/*");
  const unsigned wanted = open_metrics.value_or(0);
  return wanted > 0 && wanted >= text.value_or(0) ? Exposition::openmetrics_1_0_0
                                                  : Exposition::text_0_0_4;
}

bool accepts_gzip(std::string_view accept_encoding) {
  const auto offers = parse_offers(accept_encoding);
  auto q = q_of(offers, "gzip");
  if (!q) q = q_of(offers, "x-gzip");
  if (!q) q = q_of(offers, "*");
  return q.value_or(0) > 0;
}

std::string_view content_type(Exposition exposition) {
  return exposition == Exposition::openmetrics_1_0_0
             ? "application/openmetrics-text; version=1.0.0; charset=utf-8"
             : "text/plain; version=0.0.4; charset=utf-8";
}

}  // namespace cgwarden::exporters
