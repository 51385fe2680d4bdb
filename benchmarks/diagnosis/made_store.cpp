#include "benchmarks/diagnosis/made_store.h"

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <memory>
#include <random>
#include <vector>

#include "identity/identity.h"

#include "base/limits.h"
#include "cgroup/fields.h"
#include "diagnosis/recording/ring.h"
#include "diagnosis/recording/sample_writer.h"

namespace cgwarden::benchmarks {
namespace {

using namespace diagnosis;
namespace fs = std::filesystem;

constexpr std::uint64_t kStartUsec = 1'795'484'000'000'000;
constexpr std::size_t kCgroups = 100;
constexpr std::uint64_t kVerdictBytes = 5500;

void need(bool holds, const std::string& what) {
  if (holds) return;
  std::fprintf(stderr, "made_store: %s\n", what.c_str());
  std::exit(125);
}

std::uint64_t bytes_of(const std::string& directory) {
  std::uint64_t bytes = 0;
  for (const auto& entry : fs::directory_iterator(directory)) {
    if (entry.is_regular_file()) bytes += entry.file_size();
  }
  return bytes;
}

// Names take turns, as they do on a node: rows of one are all over the file.
void fill_verdicts(StoreWriter& store, std::uint64_t bytes, MadeStore& made) {
  constexpr unsigned kTurns = 50;
  constexpr auto kTogether = static_cast<unsigned>(limits::kVerdictsPerWorkload) / kTurns;
  const std::uint64_t asked = 2 * limits::kVerdictsPerWorkload * kVerdictBytes;
  const std::uint64_t others = bytes > asked ? (bytes - asked) / (kTurns * kVerdictBytes) : 0;
  // Of units and containers not more than are kept of all of them.
  const std::uint64_t most = (limits::kSubjectVerdicts - limits::kVerdictsPerWorkload) / kTurns;
  const std::uint64_t units = std::min(others / 2, most);
  for (unsigned turn = 0; turn < kTurns; ++turn) {
    std::vector<Verdict> batch;
    for (std::uint64_t name = 0; name < others; ++name) {
      const std::string number = std::to_string(name);
      batch.push_back(
          made_verdict(name < units ? "unit:/" + number + ".service" : "job" + number, turn + 1));
    }
    for (unsigned i = 1; i <= kTogether; ++i) {
      batch.push_back(made_verdict(std::string("unit:/") + kAskedUnit, turn * kTogether + i));
      batch.push_back(made_verdict(kAskedWorkload, turn * kTogether + i));
    }
    need(store.put(batch, {}).has_value(), "write verdicts");
    made.verdicts += batch.size();
  }
}

void fill_events(StoreWriter& store, MadeStore& made) {
  std::vector<Event> events;
  for (std::size_t i = 0; i < limits::kStoredEventsPerKind; ++i) {
    for (const EventKind kind : {EventKind::oom_kill, EventKind::policy_write, EventKind::death}) {
      Event event{.kind = kind, .cgroup = kAskedCgroup, .unit = kAskedUnit};
      event.when.wall = Usec{kStartUsec + i * 1'000'000};
      event.text = "what was seen of it, as one sentence that a person reads";
      events.push_back(std::move(event));
    }
  }
  need(store.put_events(events).has_value(), "write events");
  made.events = events.size();
}

void fill_kernel_log(StoreWriter& store, MadeStore& made) {
  need(store.begin_boot("0b8bd2bc-1f0b-4c1c-9d5e-0d2f7d1c9b11", Usec{kStartUsec}).has_value(),
       "begin a boot");
  StoredKernelLog log;
  for (std::size_t i = 0; i < limits::kStoredKernelLogLines; ++i) {
    KernelLogLine line;
    line.sequence = i;
    line.printk = Usec{i * 1'000'000};
    line.when = {line.printk, Usec{kStartUsec} + line.printk};
    line.text = "[    102]     0   102    25881     8112     8104        8         0   106496";
    log.lines.push_back(std::move(line));
  }
  log.last_sequence = limits::kStoredKernelLogLines - 1;
  need(store.put_kernel_log(log).has_value(), "write the kernel log");
  made.lines = log.lines.size();
}

std::string with_frame(std::string segment, std::string_view frame) {
  for (const std::uint32_t word :
       {static_cast<std::uint32_t>(frame.size()), recording::crc32_of(frame)}) {
    segment.append(reinterpret_cast<const char*>(&word), sizeof word);
  }
  segment.append(frame);
  segment.resize(recording::aligned(segment.size()));
  return segment;
}

// A minute of all cgroups, of which a third of the values move.
void fill_samples(const std::string& directory, std::uint64_t bytes, MadeStore& made) {
  const auto all = cgroup::fields();
  const std::vector<cgroup::Field> fields(all.begin(), all.end());
  std::mt19937_64 random(1);
  std::vector<std::vector<std::uint64_t>> values(
      kCgroups, std::vector<std::uint64_t>(fields.size(), 1U << 30));
  const std::vector<std::uint8_t> present(fields.size(), 1);
  std::vector<std::string> paths{kAskedCgroup};
  while (paths.size() < kCgroups) {
    paths.push_back("/system.slice/other-" + std::to_string(paths.size()) + ".service");
  }
  std::vector<std::shared_ptr<const identity::Identity>> identities;
  for (const auto& path : paths) {
    identities.push_back(std::make_shared<const identity::Identity>(identity::of_path(path)));
  }
  recording::FrameEncoder encoder(fields);
  recording::SampleWriter writer(directory);
  for (std::uint64_t minute = 0; bytes_of(directory) < bytes; ++minute) {
    std::string segment = recording::ring_header(minute + 1, "boot", fields);
    segment.resize(recording::aligned(segment.size()));
    encoder.begin_segment();
    for (std::uint64_t second = 0; second < 60; ++second) {
      encoder.begin_tick(kStartUsec / 1000 + (minute * 60 + second) * 1000);
      for (std::size_t c = 0; c < kCgroups; ++c) {
        for (std::size_t f = 0; f < fields.size(); f += 3) values[c][f] += random() % 20'000;
        encoder.add(CgroupId{c + 1}, paths[c], identities[c], values[c], present);
      }
      segment = with_frame(std::move(segment), encoder.end_tick());
    }
    const auto read = recording::RingSegment::read(segment);
    need(read.has_value() && writer.store(*read, 1).has_value(), "write samples");
    made.samples += kCgroups * 60;
  }
}

}  // namespace

Verdict made_verdict(const std::string& name, unsigned incarnation) {
  Verdict verdict;
  verdict.workload = name;
  verdict.incarnation = incarnation;
  verdict.verdict = VerdictClass::oom_own_limit;
  verdict.confidence = Confidence::proven;
  verdict.when.wall = Usec{kStartUsec + std::uint64_t{incarnation} * 60'000'000};
  verdict.from.wall = verdict.when.wall - Usec{50'000'000};
  verdict.answer = name + " was killed by the kernel at its own limit memory.max = 64.0 MiB";
  verdict.actor = Actor{std::nullopt, "the kernel's OOM killer"};
  verdict.limit = LimitHit{"/cgwarden.slice/" + name + ".scope/payload", "memory.max", "67108864"};
  verdict.victim = Victim{static_cast<pid_t>(1000 + incarnation), "server", Bytes{64U << 20}};
  for (int line = 0; line < 20; ++line) {
    verdict.evidence.push_back(
        {"kmsg", "seq " + std::to_string(incarnation * 20 + static_cast<unsigned>(line)),
         "[    102]     0   102    25881     8112     8104        8         0   106496        0 "
         "           0 server " +
             std::to_string(line)});
  }
  verdict.ruled_out = {"a kill from user space: no signal was sent"};
  verdict.advice = {"Raise memory.max, or look for a leak: it grew until the limit."};
  verdict.stderr_tail = std::string(500, 'x');
  return verdict;
}

MadeStore make_store(const std::string& directory, std::uint64_t bytes) {
  MadeStore made;
  const std::string path = directory + "/store.db";
  {
    auto store = StoreWriter::open(path, 1);
    need(store.has_value(), "open the store");
    fill_verdicts(*store, bytes / 4, made);
    fill_events(*store, made);
    fill_kernel_log(*store, made);
  }
  made.verdict_bytes = fs::file_size(path);
  fill_samples(directory, bytes, made);
  made.bytes = bytes_of(directory);
  return made;
}

}  // namespace cgwarden::benchmarks
