#pragma once

#include <span>
#include <string_view>

namespace cgwarden::exporters {

// One file of the web page, as it was when the program was built (exporters/web_page/, and uPlot
// from the npm registry).
struct WebPageFile {
  std::string_view path;  // "/page.js"
  std::string_view content_type;
  std::string_view text;
};
// Without "/uplot.js" and "/uplot.css" in a build that had no uPlot: the page then has no charts.
[[nodiscard]] std::span<const WebPageFile> web_page_files();

}  // namespace cgwarden::exporters
