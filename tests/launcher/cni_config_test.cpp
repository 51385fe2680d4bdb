#include "launcher/cni_config.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>
#include <unistd.h>

#include <filesystem>

#include "base/file.h"

namespace cgwarden::launcher {
namespace {

using nlohmann::json;
using testing::ElementsAre;
using testing::HasSubstr;

constexpr const char* kList = R"({"cniVersion":"1.0.0","name":"web-net","plugins":[
  {"type":"bridge","bridge":"b0","ipam":{"type":"host-local"}},
  {"type":"portmap","capabilities":{"portMappings":true,"bandwidth":false}}]})";

CniNetwork network() {
  auto parsed = parse_cni_network(kList, "list");
  EXPECT_TRUE(parsed) << parsed.error().sentence();
  return parsed.value_or(CniNetwork{});
}

TEST(CniConfigTest, AListAndASinglePlugin) {
  const CniNetwork list = network();
  EXPECT_EQ(list.name, "web-net");
  ASSERT_EQ(list.plugins.size(), 2U);
  EXPECT_EQ(list.plugins[0].type, "bridge");
  EXPECT_THAT(list.plugins[1].capabilities, ElementsAre("portMappings"));
  EXPECT_TRUE(publishes_ports(list));
  const auto single =
      parse_cni_network(R"({"cniVersion":"0.4.0","name":"a","type":"ptp"})", "conf");
  ASSERT_TRUE(single);
  EXPECT_EQ(single->plugins.at(0).type, "ptp");
  EXPECT_FALSE(publishes_ports(*single));
}

TEST(CniConfigTest, CheckIsOfNewerVersionsAndCanBeDisabled) {
  EXPECT_TRUE(network().check);
  const auto checks = [](const char* text) { return parse_cni_network(text, "list")->check; };
  EXPECT_TRUE(checks(R"({"cniVersion":"0.4.0","name":"a","type":"b"})"));
  EXPECT_FALSE(checks(R"({"cniVersion":"0.3.1","name":"a","type":"b"})"));
  EXPECT_FALSE(checks(R"({"cniVersion":"1.0.0","name":"a","type":"b","disableCheck":true})"));
}

TEST(CniConfigTest, FaultsAreNamed) {
  const auto fault = [](const char* text) {
    const auto read = parse_cni_network(text, "list");
    return read ? std::string("none") : read.error().detail;
  };
  EXPECT_EQ(fault(R"({"cniVersion":"1.0.0","type":"a"})"), "name is missing");
  EXPECT_EQ(fault(R"({"cniVersion":"9.0.0","name":"a","type":"a"})"),
            "cniVersion must be one of 0.3.0, 0.3.1, 0.4.0, 1.0.0");
  EXPECT_EQ(fault(R"({"cniVersion":"1.0.0","name":"a","plugins":[]})"), "plugins is empty");
  EXPECT_EQ(fault(R"({"cniVersion":"1.0.0","name":"a","plugins":[{"type":"../x"}]})"),
            "plugins[0].type is not the name of a plugin");
}

TEST(CniConfigTest, APluginGetsTheResultBeforeItAndItsCapabilities) {
  const CniNetwork list = network();
  const std::vector<PublishedPort> ports{*parse_published_port("127.0.0.1:8080:80")};
  const auto first = json::parse(plugin_input(list, list.plugins[0], "", ports));
  EXPECT_EQ(first, json::parse(R"({"cniVersion":"1.0.0","name":"web-net","type":"bridge",
    "bridge":"b0","ipam":{"type":"host-local"}})"));
  const auto second = json::parse(
      plugin_input(list, list.plugins[1], R"({"ips":[{"address":"10.1.0.2/24"}]})", ports));
  EXPECT_EQ(second, json::parse(R"({"cniVersion":"1.0.0","name":"web-net","type":"portmap",
    "prevResult":{"ips":[{"address":"10.1.0.2/24"}]},
    "runtimeConfig":{"portMappings":[{"hostPort":8080,"containerPort":80,"protocol":"tcp",
                                      "hostIP":"127.0.0.1"}]}})"));
}

TEST(CniConfigTest, TheFirstFileWithTheNameWins) {
  std::string pattern = testing::TempDir() + "cgwarden-cni-XXXXXX";
  const std::string directory = ::mkdtemp(pattern.data());
  ASSERT_TRUE(write_file_atomically(directory + "/00-bad.conflist", "{"));
  ASSERT_TRUE(write_file_atomically(directory + "/10-web.conflist", kList));
  ASSERT_TRUE(write_file_atomically(directory + "/20-not.txt", kList));
  const auto found = find_cni_network(directory, "web-net");
  EXPECT_TRUE(found);
  const auto missing = find_cni_network(directory, "other");
  ASSERT_FALSE(missing);
  EXPECT_THAT(missing.error().text,
              HasSubstr("no CNI network in " + directory + " has the name other; "));
  EXPECT_THAT(missing.error().text, HasSubstr("00-bad.conflist"));
  std::filesystem::remove_all(directory);
}

TEST(CniResultTest, AnIpv4AddressIsPreferred) {
  const auto result = parse_cni_result(R"({"cniVersion":"1.0.0","ips":[
    {"address":"fd00::2/64","gateway":"fd00::1"},{"address":"10.1.0.2/24","gateway":"10.1.0.1"},
    {"address":"10.2.0.2/24"}],"dns":{"nameservers":["10.1.0.53"]}})",
                                       "result");
  ASSERT_TRUE(result);
  EXPECT_EQ(result->address, "10.1.0.2/24");
  EXPECT_EQ(result->gateway, "10.1.0.1");
  EXPECT_THAT(result->nameservers, ElementsAre("10.1.0.53"));
  EXPECT_EQ(parse_cni_result("{}", "result")->address, "");
  EXPECT_FALSE(parse_cni_result(R"({"ips":[{}]})", "result"));
}

TEST(CniErrorTest, MessageAndDetails) {
  EXPECT_EQ(cni_error_text(R"({"code":7,"msg":"no","details":"why"})"), "no: why");
  EXPECT_EQ(cni_error_text(R"({"code":7,"msg":"no"})"), "no");
  EXPECT_EQ(cni_error_text("panic"), "");
}

}  // namespace
}  // namespace cgwarden::launcher
