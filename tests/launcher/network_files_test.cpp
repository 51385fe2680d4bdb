#include "launcher/network_files.h"

#include <gtest/gtest.h>

namespace cgwarden::launcher {
namespace {

TEST(ResolvConfTest, LoopbackServersOfTheHostAreLeftOut) {
  EXPECT_EQ(resolv_conf("# made by x\nnameserver 127.0.0.53\nnameserver\t::1\n"
                        "nameserver 10.0.0.53\nsearch example.org\noptions edns0\n",
                        {}),
            "nameserver 10.0.0.53\nsearch example.org\noptions edns0\n");
  EXPECT_EQ(resolv_conf("", {}), "");
}

TEST(ResolvConfTest, GivenServersTakeTheirPlace) {
  EXPECT_EQ(resolv_conf("nameserver 10.0.0.53\nsearch a\n", {"192.0.2.1", "192.0.2.2"}),
            "nameserver 192.0.2.1\nnameserver 192.0.2.2\nsearch a\n");
}

TEST(HostsFileTest, WhatIsKnownIsInIt) {
  EXPECT_EQ(hosts_file("web", "10.77.0.2/16", "10.77.0.1"),
            "127.0.0.1 localhost\n::1 localhost\n10.77.0.2 web\n"
            "10.77.0.1 host.containers.internal\n");
  EXPECT_EQ(hosts_file("web", "", ""), "127.0.0.1 localhost\n::1 localhost\n");
}

}  // namespace
}  // namespace cgwarden::launcher
