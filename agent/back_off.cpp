#include "agent/back_off.h"

#include "base/limits.h"

namespace cgwarden::agent {
namespace {

constexpr Usec kLongest{60'000'000};
constexpr unsigned kCalmTicks = 10;

}  // namespace

bool BackOff::observe(Usec spent) {
  if (spent * 2 > interval()) {
    calm_ = 0;
    if (factor_ >= limits::kMostBackOff || interval() * 2 > kLongest) return false;
    factor_ *= 2;
    return true;
  }
  calm_ = spent * 5 < interval() ? calm_ + 1 : 0;
  if (calm_ < kCalmTicks || factor_ == 1) return false;
  calm_ = 0;
  factor_ /= 2;
  return true;
}

}  // namespace cgwarden::agent
