#include "launcher/network_request.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include "launcher/state.h"

namespace cgwarden::launcher {
namespace {

using testing::HasSubstr;

Network bridge() {
  Network network;
  network.state_dir = "/run/cgwarden/network";
  network.bridge = "cgwarden0";
  network.subnet = *parse_ipv4_subnet("10.77.0.0/16");
  network.mtu = 1400;
  network.ports = {*parse_published_port("127.0.0.1:8080:80"), *parse_published_port("53:53/udp")};
  return network;
}

Network cni() {
  Network network;
  network.mode = NetworkMode::cni;
  network.state_dir = "/run/cgwarden/network";
  network.cni = "web-net";
  network.cni_config_dir = "/etc/cni/net.d";
  network.cni_plugin_dirs = {"/opt/cni/bin", "/usr/lib/cni"};
  return network;
}

TEST(NetworkTest, BothModesSurviveTheirText) {
  for (const auto& network : {bridge(), cni()}) {
    const auto again = parse_network(to_json(network), "the annotation");
    ASSERT_TRUE(again) << again.error().sentence();
    EXPECT_EQ(*again, network);
  }
}

TEST(NetworkTest, WhatIsWrongIsNamed) {
  const auto fault = [](const char* text) {
    const auto read = parse_network(text, "the annotation");
    return read ? std::string("none") : read.error().detail;
  };
  EXPECT_EQ(fault(R"({"stateDir":"/r"})"), "mode is missing");
  EXPECT_EQ(fault(R"({"stateDir":"/r","mode":"nat"})"), "mode must be bridge or cni");
  EXPECT_EQ(fault(R"({"stateDir":"/r","mode":"bridge","bridge":"a;b","subnet":"10.0.0.0/8"})"),
            "bridge must be 1 to 15 letters, digits, _, . and -, a letter first");
  for (const char* subnet : {"10.0.0.1/8", "10.0.0.0/31", "0.0.0.0/0", "x"}) {
    EXPECT_EQ(fault((R"({"stateDir":"/r","mode":"bridge","bridge":"a","subnet":")" +
                     std::string(subnet) + R"("})")
                        .c_str()),
              "subnet must be an IPv4 subnet with a prefix of 8 to 30");
  }
  EXPECT_EQ(fault(R"({"stateDir":"/r","mode":"cni","ports":["80"]})"),
            "ports has a bad one: it is not [ADDRESS:]HOST_PORT:PORT[/tcp|/udp]");
}

TEST(NetworkTest, NamesOfBridgesAreInterfacesAndTablesWithoutQuotes) {
  for (const char* name : {"cgwarden0", "a", "br-x.1_2"}) EXPECT_TRUE(valid_bridge_name(name));
  for (const char* name : {"", "0a", ".", "a b", "a/b", "a\"b", "0123456789abcdef", "a{b"}) {
    EXPECT_FALSE(valid_bridge_name(name)) << name;
  }
}

TEST(NetworkRequestTest, EveryVerbSurvivesItsText) {
  NetworkRequest request;
  request.name = "web";
  request.network = bridge();
  request.holder = {.pid = 7, .start_time = 8};
  request.inhabitant = {.pid = 9, .start_time = 10};
  for (const auto verb : {NetworkVerb::add, NetworkVerb::remove, NetworkVerb::sweep}) {
    request.verb = verb;
    const auto again = parse_network_request(to_json(request));
    ASSERT_TRUE(again) << again.error().sentence();
    EXPECT_EQ(*again, request);
  }
  NetworkRequest move;
  move.verb = NetworkVerb::move;
  move.network_namespace = "/proc/9/ns/net";
  move.devices = {{"eth1", ""}, {"eth2", "net0"}};
  const auto again = parse_network_request(to_json(move));
  ASSERT_TRUE(again) << again.error().sentence();
  EXPECT_EQ(*again, move);
}

TEST(NetworkRequestTest, AnswersAndErrors) {
  NetworkAnswer answer;
  answer.address = "10.77.0.2/16";
  answer.gateway = "10.77.0.1";
  answer.interface = "eth0";
  answer.nameservers = {"10.0.0.53"};
  answer.broken = {"the network of web: it is gone"};
  const auto again = parse_network_answer(to_json(answer));
  ASSERT_TRUE(again);
  EXPECT_EQ(again->address, answer.address);
  EXPECT_EQ(again->nameservers, answer.nameservers);
  EXPECT_EQ(again->broken, answer.broken);
  EXPECT_FALSE(again->error);
  answer.error = LaunchError{"network", 98, "the port 80/tcp"};
  const auto refused = parse_network_answer(to_json(answer));
  ASSERT_TRUE(refused && refused->error);
  EXPECT_EQ(refused->error->stage, "network");
  EXPECT_EQ(refused->error->errno_value, 98);
  EXPECT_EQ(refused->error->text, "the port 80/tcp");
  EXPECT_FALSE(parse_network_answer("{"));
}

TEST(ProcessMarkTest, AProcessIsItsPidAndItsStart) {
  const ProcessMark self{.pid = ::getpid(), .start_time = *process_start_time(::getpid())};
  EXPECT_TRUE(is_alive(self));
  EXPECT_FALSE(is_alive({.pid = self.pid, .start_time = self.start_time + 1}));
  EXPECT_FALSE(is_alive({}));
}

}  // namespace
}  // namespace cgwarden::launcher
