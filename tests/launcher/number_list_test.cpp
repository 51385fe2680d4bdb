#include "launcher/number_list.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace cgwarden::launcher {
namespace {

using testing::ElementsAre;

TEST(NumberList, IsAMaskOfItsNumbers) {
  EXPECT_THAT(bit_mask_of("0", 64).value(), ElementsAre(1UL));
  EXPECT_THAT(bit_mask_of(" 0-2, 63 ,1", 64).value(), ElementsAre(0x8000000000000007UL));
  EXPECT_THAT(bit_mask_of("64", 65).value(), ElementsAre(0UL, 1UL));
}

TEST(NumberList, WhatIsNoListIsNothing) {
  for (const char* text : {"", ",", "0,", "a", "-1", "1-", "2-1", "0x1", "64", "0-64", "1 2",
                           "18446744073709551616", "0--1"}) {
    EXPECT_FALSE(bit_mask_of(text, 64)) << text;
  }
}

}  // namespace
}  // namespace cgwarden::launcher
