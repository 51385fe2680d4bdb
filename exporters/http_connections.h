#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/limits.h"
#include "base/units.h"

namespace cgwarden::exporters {

// Decides which connections of the servers of one endpoint have to end: those that are slower than
// the limits allow, and those that must make room for others. Pure: the time is given; HttpWatch
// does it. What is said to end is not counted any more, and stays known until end().
class HttpConnections {
 public:
  using Id = std::uint64_t;
  // Whose connections are counted together: an address; "" for all of a unix socket.
  using Client = std::string;

  struct Limits {
    Usec idle = seconds(limits::kHttpIdleSeconds);
    Usec header = seconds(limits::kHttpHeaderSeconds);
    Usec answer = seconds(limits::kHttpAnswerSeconds);
    Usec stream = seconds(limits::kHttpStreamSeconds);
    Usec grace = seconds(limits::kHttpStreamGraceSeconds);
    std::size_t kept = limits::kHttpConnectionsKept;
    std::size_t streams = limits::kHttpStreams;
    std::size_t streams_per_client = limits::kHttpStreamsPerAddress;
  };
  explicit HttpConnections(const Limits& limits) : limits_(limits) {}

  // Accepted by `server`: limits count for each. Returns the connection that has to end for it:
  // over Limits::kept, of the client with most of them the one that waits longest for a request.
  [[nodiscard]] std::optional<Id> begin(Id id, unsigned server, Client client, Usec now);
  // Its header is there, or its password is verified.
  void asked(Id id, Usec now) { enter(id, Phase::answering, now); }
  // It waits for us.
  void verifying(Id id, Usec now) { enter(id, Phase::verifying, now); }
  // Its answer is sent.
  void answered(Id id, Usec now) { enter(id, Phase::idle, now); }
  void end(Id id) { all_.erase(id); }

  struct Room {
    bool given = false;
    std::optional<Id> ends;  // for it
  };
  // For an answer that is written while it is sent, of which there are Limits::streams at a time.
  // When there is no room, one of a slow reader ends, else one of a client that has two or more
  // than this one would have.
  [[nodiscard]] Room begin_stream(Id id, Usec now);
  // Its client has taken so many bytes more.
  void progress(Id id, std::size_t bytes, Usec now);

  // Those whose time is over.
  [[nodiscard]] std::vector<Id> take_due(Usec now);
  // When the next one's will be.
  [[nodiscard]] std::optional<Usec> next_due() const;

 private:
  static constexpr Usec seconds(std::uint64_t count) { return Usec{count * 1'000'000}; }
  enum class Phase { header, idle, verifying, answering, streaming, ending };
  struct Connection {
    unsigned server;
    Client client;
    Phase phase = Phase::header;
    Usec since{0};            // of the phase
    Usec progress{0};         // of a stream: its last byte
    std::uint64_t bytes = 0;  // of a stream
  };
  void enter(Id id, Phase phase, Usec now);
  [[nodiscard]] std::optional<Usec> due(const Connection& connection) const;
  [[nodiscard]] bool is_slow(const Connection& connection, Usec now) const;
  [[nodiscard]] std::optional<Id> longest_waiting(unsigned server, Usec now, Id but) const;
  [[nodiscard]] std::optional<Id> stream_to_end(const Connection& wanting, Usec now) const;

  Limits limits_;
  std::map<Id, Connection> all_;
};

}  // namespace cgwarden::exporters
