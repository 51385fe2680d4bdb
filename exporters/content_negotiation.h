#pragma once

#include <string_view>

#include "exporters/metrics.h"

// Which form a client wants, from its Accept and Accept-Encoding headers (RFC 9110 section 12.5).
// Malformed elements are ignored; more than limits::kHttpAcceptElements are not read.
namespace cgwarden::exporters {

// OpenMetrics when it is named (any version but one other than 1.0.0) with a q not below that of
// text/plain; otherwise text 0.0.4, also when nothing offered is acceptable: a scraper can tell
// from Content-Type, and a person with a browser sees text.
[[nodiscard]] Exposition preferred_exposition(std::string_view accept);

// gzip, or `*` where gzip is not named, with q above 0. An absent header ("") means no.
[[nodiscard]] bool accepts_gzip(std::string_view accept_encoding);

// The exact Content-Type: Prometheus 3 refuses a page whose type it cannot parse.
[[nodiscard]] std::string_view content_type(Exposition exposition);

}  // namespace cgwarden::exporters
