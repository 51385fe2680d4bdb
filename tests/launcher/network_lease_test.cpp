#include "launcher/network_lease.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>

#include "base/file.h"
#include "launcher/network_ruleset.h"
#include "launcher/state.h"

namespace cgwarden::launcher {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;

Lease lease(const std::string& name, const char* address, std::vector<const char*> ports = {}) {
  Lease made;
  made.name = name;
  made.network.state_dir = "/run/n";
  made.network.bridge = "cgwarden0";
  made.network.subnet = *parse_ipv4_subnet("10.77.0.0/29");
  for (const char* port : ports) made.network.ports.push_back(*parse_published_port(port));
  made.address = *parse_ipv4(address);
  return made;
}

class LeaseBookTest : public testing::Test {
 protected:
  LeaseBookTest() {
    std::string pattern = testing::TempDir() + "cgwarden-lease-XXXXXX";
    directory_ = ::mkdtemp(pattern.data());
  }
  ~LeaseBookTest() override { std::filesystem::remove_all(directory_); }
  std::string directory_;
};

TEST_F(LeaseBookTest, WhatIsKeptIsThereForTheNext) {
  {
    auto book = LeaseBook::open(directory_ + "/network");
    ASSERT_TRUE(book) << book.error().sentence();
    EXPECT_TRUE(book->leases().empty());
    ASSERT_TRUE(book->keep(lease("web", "10.77.0.2", {"8080:80"})));
    ASSERT_TRUE(book->keep(lease("app", "10.77.0.3")));
    ASSERT_TRUE(book->keep(lease("web", "10.77.0.4")));  // replaced
    EXPECT_EQ(book->leases().size(), 2U);
  }
  auto book = LeaseBook::open(directory_ + "/network");
  ASSERT_TRUE(book);
  EXPECT_THAT(book->leases(), ElementsAre(lease("app", "10.77.0.3"), lease("web", "10.77.0.4")));
  ASSERT_TRUE(book->erase("web"));
  ASSERT_TRUE(book->erase("web"));
  EXPECT_EQ(book->find("web"), nullptr);
  EXPECT_NE(book->find("app"), nullptr);
}

TEST_F(LeaseBookTest, AFileThatIsNoLeaseIsNamedNotSkipped) {
  ASSERT_TRUE(write_file_atomically(directory_ + "/bad.json", "{\"version\": 1}"));
  const auto book = LeaseBook::open(directory_);
  ASSERT_FALSE(book);
  EXPECT_EQ(book.error().stage, "network");
  EXPECT_THAT(book.error().text, HasSubstr(directory_ + "/bad.json"));
}

TEST(LeaseTest, CniPartsSurviveTheText) {
  Lease made = lease("web", "0.0.0.0");
  made.network.mode = NetworkMode::cni;
  made.network.bridge.clear();
  made.network.subnet = {};
  made.network.cni = "n";
  made.holder = {.pid = 1, .start_time = 2};
  made.inhabitant = {.pid = 3, .start_time = 4};
  made.cni_config = R"({"name":"n"})";
  made.cni_result = R"({"ips":[]})";
  const auto again = parse_lease(to_json(made), "web.json");
  ASSERT_TRUE(again) << again.error().sentence();
  EXPECT_EQ(*again, made);
}

TEST(LeaseTest, StaleWhenBothProcessesAreGone) {
  Lease made = lease("web", "10.77.0.2");
  EXPECT_TRUE(is_stale(made));
  const ProcessMark self{.pid = ::getpid(), .start_time = *process_start_time(::getpid())};
  made.holder = self;
  EXPECT_FALSE(is_stale(made));
  // A workload that outlives its shim still uses its address.
  made.holder = {};
  made.inhabitant = self;
  EXPECT_FALSE(is_stale(made));
}

TEST(FreeAddressTest, TheLowestUntilNoneIsLeft) {
  const auto subnet = *parse_ipv4_subnet("10.77.0.0/29");
  std::vector<Lease> leases;
  for (const char* expected : {"10.77.0.2", "10.77.0.3", "10.77.0.4", "10.77.0.5", "10.77.0.6"}) {
    const auto address = free_address(subnet, leases);
    ASSERT_TRUE(address);
    EXPECT_EQ(to_string(*address), expected);
    leases.push_back(lease(expected, expected));
  }
  EXPECT_FALSE(free_address(subnet, leases));
  leases.erase(leases.begin() + 1);
  EXPECT_EQ(to_string(*free_address(subnet, leases)), "10.77.0.3");
}

TEST(PortClashTest, NamesTheHolder) {
  const std::vector<Lease> leases{lease("web", "10.77.0.2", {"127.0.0.1:8080:80"})};
  const auto clash = find_clash({*parse_published_port("8080:90")}, leases);
  ASSERT_TRUE(clash);
  EXPECT_EQ(clash->holder, "web");
  EXPECT_EQ(clash->port.port, 90);
  EXPECT_FALSE(find_clash({*parse_published_port("8080:90/udp")}, leases));
}

TEST(RulesetTest, FollowsFromTheLeasesOfTheBridge) {
  Lease other = lease("other", "10.88.0.2", {"9000:90"});
  other.network.bridge = "other0";
  const std::string text = ruleset(
      "cgwarden0", {lease("web", "10.77.0.2", {"8080:80", "127.0.0.1:53:5353/udp"}), other});
  EXPECT_TRUE(
      text.starts_with("add table inet cgwarden0\ndelete table inet cgwarden0\n"
                       "table inet cgwarden0 {\n"));
  EXPECT_THAT(text,
              HasSubstr("    meta nfproto ipv4 fib daddr type local tcp dport 8080 dnat ip to "
                        "10.77.0.2:80\n"));
  EXPECT_THAT(text, HasSubstr("    ip daddr 127.0.0.1 udp dport 53 dnat ip to 10.77.0.2:5353\n"));
  EXPECT_THAT(text, HasSubstr("iifname \"cgwarden0\" ip daddr 127.0.0.0/8 drop"));
  EXPECT_THAT(text, HasSubstr("oifname != \"cgwarden0\" ip saddr 10.77.0.0/29 masquerade"));
  for (const char* absent : {"9000", "BRIDGE", "PORTS", "SUBNET"}) {
    EXPECT_THAT(text, Not(HasSubstr(absent)));
  }
}

TEST(RulesetTest, WithoutALeaseTheTableGoes) {
  EXPECT_EQ(ruleset("cgwarden0", {}), "add table inet cgwarden0\ndelete table inet cgwarden0\n");
}

}  // namespace
}  // namespace cgwarden::launcher
