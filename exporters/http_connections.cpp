#include "exporters/http_connections.h"

#include <algorithm>
#include <tuple>
#include <utility>

namespace cgwarden::exporters {

void HttpConnections::enter(Id id, Phase phase, Usec now) {
  const auto found = all_.find(id);
  if (found == all_.end() || found->second.phase == Phase::ending) return;
  found->second.phase = phase;
  found->second.since = now;
}

std::optional<HttpConnections::Id> HttpConnections::begin(Id id, unsigned server, Client client,
                                                          Usec now) {
  all_.insert_or_assign(id,
                        Connection{.server = server, .client = std::move(client), .since = now});
  const auto count = std::ranges::count_if(all_, [server](const auto& each) {
    return each.second.server == server && each.second.phase != Phase::ending;
  });
  if (std::cmp_less_equal(count, limits_.kept)) return std::nullopt;
  const auto victim = longest_waiting(server, now, id);
  if (victim) enter(*victim, Phase::ending, now);
  return victim;
}

// Who waits for a request loses nothing: a client connects again. Only when nobody does, one goes
// whose client is slow to take its answer.
std::optional<HttpConnections::Id> HttpConnections::longest_waiting(unsigned server, Usec now,
                                                                    Id but) const {
  std::map<Client, std::size_t> of_client;
  for (const auto& [id, each] : all_) {
    if (each.server == server && each.phase != Phase::ending) ++of_client[each.client];
  }
  std::optional<Id> found;
  std::tuple<bool, std::size_t, Usec> best;
  for (const auto& [id, each] : all_) {
    if (id == but || each.server != server) continue;
    const bool waits = each.phase == Phase::header || each.phase == Phase::idle;
    if (!waits && !is_slow(each, now)) continue;
    const std::tuple rank{waits, of_client[each.client], now - std::min(each.since, now)};
    if (found && rank <= best) continue;
    found = id;
    best = rank;
  }
  return found;
}

bool HttpConnections::is_slow(const Connection& connection, Usec now) const {
  if (connection.phase != Phase::answering && connection.phase != Phase::streaming) return false;
  const Usec age = now - std::min(connection.since, now);
  if (age < limits_.grace) return false;
  if (connection.phase == Phase::answering) return true;
  return connection.progress + limits_.grace <= now ||
         connection.bytes / (age.count() / 1'000'000 + 1) < limits::kHttpSlowBytesPerSecond;
}

HttpConnections::Room HttpConnections::begin_stream(Id id, Usec now) {
  const auto found = all_.find(id);
  if (found == all_.end() || found->second.phase == Phase::ending) return {};
  Connection& wanting = found->second;
  const auto streaming = [](const auto& each) { return each.second.phase == Phase::streaming; };
  const auto all = static_cast<std::size_t>(std::ranges::count_if(all_, streaming));
  const auto own = static_cast<std::size_t>(std::ranges::count_if(all_, [&](const auto& each) {
    return streaming(each) && each.second.client == wanting.client;
  }));
  Room room;
  if (own >= limits_.streams_per_client || all >= limits_.streams) {
    room.ends = stream_to_end(wanting, now);
    if (!room.ends) return room;
    enter(*room.ends, Phase::ending, now);
  }
  wanting.phase = Phase::streaming;
  wanting.since = now;
  wanting.progress = now;
  wanting.bytes = 0;
  room.given = true;
  return room;
}

std::optional<HttpConnections::Id> HttpConnections::stream_to_end(const Connection& wanting,
                                                                  Usec now) const {
  std::map<Client, std::size_t> of_client;
  for (const auto& [id, each] : all_) {
    if (each.phase == Phase::streaming) ++of_client[each.client];
  }
  const std::size_t own = of_client[wanting.client];
  const bool own_are_full = own >= limits_.streams_per_client;
  std::optional<Id> found;
  std::tuple<bool, std::size_t, Usec> best;
  for (const auto& [id, each] : all_) {
    if (each.phase != Phase::streaming) continue;
    if (own_are_full && each.client != wanting.client) continue;
    const bool slow = is_slow(each, now);
    if (!slow && of_client[each.client] < own + 2) continue;
    const std::tuple rank{slow, of_client[each.client], now - std::min(each.progress, now)};
    if (found && rank <= best) continue;
    found = id;
    best = rank;
  }
  return found;
}

void HttpConnections::progress(Id id, std::size_t bytes, Usec now) {
  const auto found = all_.find(id);
  if (found == all_.end()) return;
  found->second.progress = now;
  found->second.bytes += bytes;
}

std::optional<Usec> HttpConnections::due(const Connection& connection) const {
  switch (connection.phase) {
    case Phase::header:
      return connection.since + limits_.header;
    case Phase::idle:
      return connection.since + limits_.idle + limits_.header;
    case Phase::answering:
      return connection.since + limits_.answer;
    case Phase::streaming:
      return std::min(connection.since + limits_.stream, connection.progress + limits_.answer);
    case Phase::verifying:
    case Phase::ending:
      break;
  }
  return std::nullopt;
}

std::vector<HttpConnections::Id> HttpConnections::take_due(Usec now) {
  std::vector<Id> over;
  for (auto& [id, each] : all_) {
    const auto when = due(each);
    if (!when || *when > now) continue;
    each.phase = Phase::ending;
    over.push_back(id);
  }
  return over;
}

std::optional<Usec> HttpConnections::next_due() const {
  std::optional<Usec> next;
  for (const auto& [id, each] : all_) {
    const auto when = due(each);
    if (when && (!next || *when < *next)) next = when;
  }
  return next;
}

}  // namespace cgwarden::exporters
