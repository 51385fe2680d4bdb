#pragma once

#include <string>
#include <string_view>

#include "exporters/metrics.h"

// The escapes of the two exposition formats.
namespace cgwarden::exporters {

// A label value: `\`, `"` and line feed escaped; other control bytes and invalid UTF-8 shown as
// \xNN (base/text.h), because one bad byte would make a scraper refuse the whole page.
[[nodiscard]] std::string escape_label_value(std::string_view value);

// `name="value"`, escaped.
[[nodiscard]] std::string label(std::string_view name, std::string_view value);

// HELP text: `\` and line feed, and `"` in OpenMetrics only (it is an error in text 0.0.4).
[[nodiscard]] std::string escape_help(std::string_view help, Exposition exposition);

}  // namespace cgwarden::exporters
