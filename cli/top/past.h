#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "base/units.h"
#include "cli/top/frame.h"
#include "cli/top/screen.h"
#include "diagnosis/recording/recording.h"

namespace cgwarden::cli::top {

// What was, read from the agent's recording: needs no agent.
class Past {
 public:
  [[nodiscard]] static Result<Past> open(const std::string& state_dir,
                                         const std::string& runtime_dir);

  // The newest recorded tick at or before `time`, the first after it, the last before it; nullopt:
  // there is none.
  [[nodiscard]] Result<std::optional<Frame>> at(Usec time) const;
  [[nodiscard]] Result<std::optional<Frame>> next(Usec time) const;
  [[nodiscard]] Result<std::optional<Frame>> previous(Usec time) const;

  // "it reaches from ... to ...", or that it is empty.
  [[nodiscard]] std::string extent_text() const;

  // What of the recording could not be read, a sentence each.
  [[nodiscard]] const std::vector<std::string>& faults() const { return recording_.faults(); }

  // The last minutes of one cgroup before `until`. Empty: nothing was recorded of it then.
  [[nodiscard]] Result<std::vector<Curve>> curves(const std::string& path, Usec until) const;

 private:
  explicit Past(diagnosis::Recording recording) : recording_(std::move(recording)) {}
  diagnosis::Recording recording_;
};

// Minutes that curves() goes back.
inline constexpr unsigned kCurveMinutes = 5;

[[nodiscard]] Frame frame_of(const diagnosis::RecordedMoment& moment);
// Of a series of curve_fields().
[[nodiscard]] std::vector<Curve> curves_of(const diagnosis::Series& series);
[[nodiscard]] const std::vector<std::string>& curve_fields();

}  // namespace cgwarden::cli::top
