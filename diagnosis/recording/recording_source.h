#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "cgroup/fields.h"
#include "diagnosis/recording/block.h"
#include "diagnosis/recording/ring.h"
#include "diagnosis/recording/sample_file.h"

namespace cgwarden::diagnosis::recording {

// A day file or a segment of the ring, alike. Times are milliseconds of the wall clock.
class Source {
 public:
  virtual ~Source() = default;
  // Of its ticks, the smallest and the largest.
  [[nodiscard]] std::uint64_t from_ms() const { return from_ms_; }
  [[nodiscard]] std::uint64_t until_ms() const { return until_ms_; }

  // Those that overlap the times.
  [[nodiscard]] virtual Result<std::vector<StoredStream>> streams(std::uint64_t from_ms,
                                                                  std::uint64_t until_ms) = 0;
  [[nodiscard]] virtual Result<std::vector<StoredCut>> cuts(std::uint64_t from_ms,
                                                            std::uint64_t until_ms) = 0;
  [[nodiscard]] virtual Result<std::vector<std::uint64_t>> ticks(std::int64_t cut) = 0;
  // The columns of the blocks from now on.
  [[nodiscard]] virtual Status want(const std::vector<cgroup::Field>& fields) = 0;
  // false: the stream has no samples in the cut.
  [[nodiscard]] virtual Result<bool> block(std::int64_t cut, std::int64_t stream, Block& block) = 0;

 protected:
  std::uint64_t from_ms_ = 0;
  std::uint64_t until_ms_ = 0;
};

class FileSource;

// Every source of a recording, the oldest first; the ring's are the last. What is in a file is not
// in the ring again, and what is there in full is not there in steps.
class Sources {
 public:
  Sources() = default;
  Sources(std::string state_dir, std::string runtime_dir)
      : state_dir_(std::move(state_dir)), runtime_dir_(std::move(runtime_dir)) {}

  // Looks again. Only a directory that cannot be read is an error.
  [[nodiscard]] Status refresh();
  [[nodiscard]] const std::vector<std::shared_ptr<Source>>& all() const { return all_; }

  void fault(const Error& error);
  [[nodiscard]] const std::vector<std::string>& faults() const { return faults_; }

 private:
  struct Opened {
    std::uint64_t inode = 0;
    std::shared_ptr<SampleFile> file;
    std::shared_ptr<FileSource> source = {};  // of the last look; null: it has none
  };
  [[nodiscard]] std::shared_ptr<SampleFile> open(const std::string& path);
  [[nodiscard]] Status add_files();
  [[nodiscard]] bool stored(const RingSegment& segment);
  void add_rings(std::vector<std::string> rings);

  std::string state_dir_;
  std::string runtime_dir_;
  std::map<std::string, Opened> opened_;
  std::vector<std::shared_ptr<Source>> all_;
  std::vector<std::string> faults_;
};

// The bytes of the segments in <runtime dir>/recorder.
[[nodiscard]] std::string ring_directory(const std::string& runtime_dir);
inline constexpr const char* kRingSuffix = ".ring";

}  // namespace cgwarden::diagnosis::recording
