#pragma once

#include <mutex>
#include <string>
#include <vector>

#include "agent/options.h"
#include "exporters/web_page_source.h"

namespace cgwarden::agent {

// What the web page asks for, from the files that the agent writes: its store and its recordings,
// as the commands read them. Every call opens them anew, so HTTP threads need nothing of the loop.
class WebPageData final : public exporters::WebPageSource {
 public:
  explicit WebPageData(const Options& options);

  [[nodiscard]] std::string node() const override { return node_; }
  [[nodiscard]] Result<std::vector<diagnosis::Verdict>> verdicts(Usec since_wall,
                                                                 std::size_t most) const override;
  [[nodiscard]] Result<std::string> why(const std::string& name,
                                        bool with_last_words) const override;
  [[nodiscard]] Result<exporters::WebPageHistory> history(const std::string& cgroup,
                                                          Usec since_wall) const override;

 private:
  std::string node_;
  std::string store_;
  std::string state_dir_;
  std::string runtime_dir_;
  std::string cgroup_root_;
  mutable std::mutex busy_;  // one reads the files at a time: scrapes need the other thread
};

}  // namespace cgwarden::agent
