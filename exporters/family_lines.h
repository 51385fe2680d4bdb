#pragma once

#include <string>
#include <string_view>

#include "exporters/catalog.h"
#include "exporters/family_text.h"

namespace cgwarden::exporters {

// Lines of one family, written straight into the page. The header goes out with the first line, so
// that a family without samples does not appear.
class FamilyLines final : public LineSink {
 public:
  FamilyLines(std::string& out, const Metric& metric, Exposition exposition)
      : out_(out), metric_(metric), exposition_(exposition), prefix_(metric.name) {
    prefix_ += '{';
  }

  // `labels`: of the cgroup or workload the next lines are about; must outlive them.
  void about(std::string_view labels) { labels_ = labels; }

  void line(std::string_view labels, Value value) override {
    if (!begun_) append_family_header(out_, metric_, exposition_);
    begun_ = true;
    out_ += prefix_;
    out_ += labels_;
    if (!labels.empty()) {
      out_ += ',';
      out_ += labels;
    }
    out_ += "} ";
    value.append_to(out_);
    out_ += '\n';
  }

 private:
  std::string& out_;
  const Metric& metric_;
  Exposition exposition_;
  std::string prefix_;
  std::string_view labels_;
  bool begun_ = false;
};

}  // namespace cgwarden::exporters
