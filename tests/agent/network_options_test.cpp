#include "agent/network_options.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "launcher/network.h"

namespace cgwarden::agent {
namespace {

using Mode = policy::WorkloadNetwork::Mode;
using testing::HasSubstr;

TEST(NetworkOptionsTest, TheDefaultsAreGood) { EXPECT_TRUE(check_network_options(Options{})); }

TEST(NetworkOptionsTest, WrongOnesAreNamed) {
  const auto refusal = [](auto change) {
    Options options;
    change(options);
    const Status checked = check_network_options(options);
    return checked ? std::string("none") : checked.error().sentence();
  };
  EXPECT_THAT(refusal([](Options& o) { o.network_subnet = "10.77.0.1/16"; }),
              HasSubstr("--network-subnet 10.77.0.1/16"));
  EXPECT_THAT(refusal([](Options& o) { o.network_subnet = "10.77.0.0/31"; }),
              HasSubstr("prefix of 8 to 30"));
  EXPECT_THAT(refusal([](Options& o) { o.network_bridge = "br 0"; }),
              HasSubstr("--network-bridge br 0"));
  EXPECT_THAT(refusal([](Options& o) { o.network_mtu = 67; }), HasSubstr("--network-mtu 67"));
}

TEST(NetworkOptionsTest, OnlyBridgeAndCniAreTheShimsToConnect) {
  for (const auto mode : {Mode::none, Mode::host, Mode::path}) {
    policy::WorkloadNetwork network;
    network.mode = mode;
    EXPECT_EQ(network_annotation(network, Options{}), "");
  }
  policy::WorkloadNetwork wanted;
  wanted.mode = Mode::bridge;
  wanted.ports = {*parse_published_port("8080:80")};
  const auto bridge = launcher::parse_network(network_annotation(wanted, Options{}), "");
  ASSERT_TRUE(bridge);
  EXPECT_EQ(bridge->bridge, "cgwarden0");
  EXPECT_EQ(bridge->state_dir, "/run/cgwarden/network");
  EXPECT_EQ(bridge->ports, wanted.ports);
  wanted.mode = Mode::cni;
  wanted.cni = "web-net";
  const auto cni = launcher::parse_network(network_annotation(wanted, Options{}), "");
  ASSERT_TRUE(cni);
  EXPECT_EQ(cni->mode, launcher::NetworkMode::cni);
  EXPECT_EQ(cni->cni, "web-net");
  EXPECT_EQ(cni->cni_plugin_dirs.size(), 2U);
}

}  // namespace
}  // namespace cgwarden::agent
