#include "policy/adapt/kill_candidate.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <tuple>

namespace cgwarden::policy::adapt {
namespace {

// oomd's KillMemoryGrowth: its defaults.
constexpr double kHalfOfAll = 0.5;
constexpr double kGrowsFast = 1.25;
constexpr double kLargestShare = 0.2;

double effective(const KillCandidate& candidate) {
  const std::uint64_t kept = std::min(candidate.current.value, candidate.protection.value);
  return static_cast<double>(candidate.current.value - kept);
}

double growth(const KillCandidate& candidate) {
  return candidate.average.value == 0 ? 0
                                      : static_cast<double>(candidate.current.value) /
                                            static_cast<double>(candidate.average.value);
}

// The least effective size of the largest fifth, which has one member at least.
double size_of_largest(std::span<const KillCandidate> candidates) {
  std::vector<double> sizes;
  for (const auto& candidate : candidates) sizes.push_back(effective(candidate));
  std::ranges::sort(sizes, std::greater{});
  const auto members = std::ceil(static_cast<double>(sizes.size()) * kLargestShare);
  return sizes.empty() ? 0 : sizes[static_cast<std::size_t>(std::max(1.0, members)) - 1];
}

int preference_of(const KillCandidate& candidate) {
  if (candidate.preference == KillPreference::prefer) return 1;
  return candidate.preference == KillPreference::avoid ? -1 : 0;
}

KillRank rank_of(const KillCandidate& candidate, KillBy by, double all, double largest) {
  KillRank rank{preference_of(candidate)};
  const double size = effective(candidate);
  switch (by) {
    case KillBy::pressure:
      rank.first = (candidate.full_avg10 + candidate.full_avg60) / 2;
      return rank;
    case KillBy::swap:
      rank.first = static_cast<double>(candidate.swap.value);
      return rank;
    case KillBy::size_or_growth:
      break;
  }
  if (static_cast<double>(candidate.current.value) >= kHalfOfAll * all) rank.first = size;
  if (growth(candidate) >= kGrowsFast && size >= largest) rank.second = growth(candidate);
  rank.third = size;
  return rank;
}

}  // namespace

std::string_view to_string(KillRefusal refusal) {
  static constexpr std::array<std::string_view, 4> kNames{"empty", "guarded", "omitted",
                                                          "nothing_to_free"};
  return kNames.at(static_cast<std::size_t>(refusal));
}

std::optional<KillRefusal> refusal(const KillCandidate& candidate, KillBy by) {
  if (candidate.guarded) return KillRefusal::guarded;
  if (candidate.preference == KillPreference::omit) return KillRefusal::omitted;
  if (!candidate.populated) return KillRefusal::empty;
  const Bytes freed = by == KillBy::swap ? candidate.swap : candidate.anon;
  if (freed.value == 0) return KillRefusal::nothing_to_free;
  return std::nullopt;
}

std::vector<RankedCandidate> rank(std::span<const KillCandidate> candidates, KillBy by) {
  double all = 0;
  for (const auto& candidate : candidates) all += static_cast<double>(candidate.current.value);
  const double largest = size_of_largest(candidates);
  std::vector<RankedCandidate> ranked;
  for (const auto& candidate : candidates) {
    ranked.push_back({candidate, rank_of(candidate, by, all, largest), refusal(candidate, by)});
  }
  std::ranges::stable_sort(ranked, [](const RankedCandidate& a, const RankedCandidate& b) {
    const auto key = [](const RankedCandidate& r) {
      return std::tuple(!r.refused, r.rank, r.candidate.current, ~r.candidate.id.value);
    };
    return key(a) > key(b);
  });
  return ranked;
}

}  // namespace cgwarden::policy::adapt
