#include "base/ipv4.h"

#include <gtest/gtest.h>

namespace cgwarden {
namespace {

TEST(Ipv4Test, AddressesReadAndWrite) {
  const auto address = parse_ipv4("10.77.0.1");
  ASSERT_TRUE(address);
  EXPECT_EQ(address->number, 0x0a4d0001U);
  EXPECT_EQ(to_string(*address), "10.77.0.1");
  for (const char* text : {"", "10.77.0", "10.77.0.256", "10.77.0.1 ", "::1", "10.77.0.01x"}) {
    EXPECT_FALSE(parse_ipv4(text)) << text;
  }
}

TEST(Ipv4Test, SubnetsHaveNoBitsBelowThePrefix) {
  const auto subnet = parse_ipv4_subnet("10.77.0.0/16");
  ASSERT_TRUE(subnet);
  EXPECT_EQ(to_string(*subnet), "10.77.0.0/16");
  EXPECT_EQ(to_string(subnet->broadcast()), "10.77.255.255");
  EXPECT_TRUE(subnet->contains(*parse_ipv4("10.77.255.1")));
  EXPECT_FALSE(subnet->contains(*parse_ipv4("10.78.0.1")));
  for (const char* text : {"10.77.0.1/16", "10.77.0.0", "10.77.0.0/33", "10.77.0.0/", "x/8"}) {
    EXPECT_FALSE(parse_ipv4_subnet(text)) << text;
  }
}

TEST(Ipv4Test, OverlapWorksBothWaysAndAtTheEdges) {
  const auto wide = *parse_ipv4_subnet("10.0.0.0/8");
  const auto narrow = *parse_ipv4_subnet("10.77.0.0/16");
  EXPECT_TRUE(wide.overlaps(narrow));
  EXPECT_TRUE(narrow.overlaps(wide));
  EXPECT_FALSE(narrow.overlaps(*parse_ipv4_subnet("10.78.0.0/16")));
  EXPECT_TRUE(parse_ipv4_subnet("0.0.0.0/0")->overlaps(narrow));
}

}  // namespace
}  // namespace cgwarden
