#pragma once

#include <string>

#include "base/result.h"
#include "diagnosis/report.h"

namespace cgwarden::cli {

// Is stdout a terminal?
[[nodiscard]] bool on_terminal();

// Colours on a terminal without NO_COLOR (https://no-color.org), Unicode in a UTF-8 locale, the
// terminal's width (60..120), times in the zone of this process.
[[nodiscard]] diagnosis::ReportStyle report_style();

void print(const std::string& text);
// A JSON document, as YAML when that is asked for.
void print_document(const std::string& json, bool yaml);

// "cgwarden: SENTENCE" on stderr.
void complain(std::string sentence);

// Says the error and gives the exit code of a runtime failure.
[[nodiscard]] int failed(const Error& error);

// Says that there is no such workload, with those that are known, and gives its exit code.
[[nodiscard]] int no_such_workload(const std::string& name, const std::string& runtime_dir,
                                   const std::string& store_path);

}  // namespace cgwarden::cli
