#include "exporters/http_connections.h"

#include <gmock/gmock.h>

namespace cgwarden::exporters {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

constexpr Usec second(std::uint64_t count) { return Usec{count * 1'000'000}; }

class HttpConnectionsTest : public testing::Test {
 protected:
  HttpConnectionsTest()
      : connections_({.idle = second(100),
                      .header = second(10),
                      .answer = second(30),
                      .stream = second(300),
                      .grace = second(2),
                      .kept = 4,
                      .streams = 4,
                      .streams_per_client = 2}) {}
  std::optional<HttpConnections::Id> begin(HttpConnections::Id id, const char* client,
                                           std::uint64_t when = 0) {
    return connections_.begin(id, 0, client, second(when));
  }
  HttpConnections::Room stream(HttpConnections::Id id, std::uint64_t when) {
    connections_.asked(id, second(when));
    return connections_.begin_stream(id, second(when));
  }

  HttpConnections connections_;
};

TEST_F(HttpConnectionsTest, AHeaderHasItsTimeHoweverManyBytesCome) {
  EXPECT_FALSE(connections_.next_due());
  EXPECT_FALSE(begin(1, "a"));
  EXPECT_EQ(connections_.next_due(), second(10));
  EXPECT_THAT(connections_.take_due(second(9)), IsEmpty());
  EXPECT_THAT(connections_.take_due(second(10)), ElementsAre(1));
  EXPECT_THAT(connections_.take_due(second(11)), IsEmpty());  // said once
  EXPECT_FALSE(connections_.next_due());
}

TEST_F(HttpConnectionsTest, TheNextRequestMayComeLater) {
  EXPECT_FALSE(begin(1, "a"));
  connections_.asked(1, second(5));
  EXPECT_EQ(connections_.next_due(), second(35));
  connections_.answered(1, second(6));
  EXPECT_EQ(connections_.next_due(), second(116));
  connections_.asked(1, second(115));
  EXPECT_THAT(connections_.take_due(second(116)), IsEmpty());
  EXPECT_THAT(connections_.take_due(second(145)), ElementsAre(1));
}

TEST_F(HttpConnectionsTest, WhoWaitsForUsHasTime) {
  EXPECT_FALSE(begin(1, "a"));
  connections_.verifying(1, second(1));
  EXPECT_FALSE(connections_.next_due());
  connections_.asked(1, second(500));
  EXPECT_EQ(connections_.next_due(), second(530));
  connections_.end(1);
  EXPECT_FALSE(connections_.next_due());
}

TEST_F(HttpConnectionsTest, OfTheClientWithMostTheLongestWaitingGoes) {
  EXPECT_FALSE(begin(1, "alone", 0));
  EXPECT_FALSE(begin(2, "many", 1));
  EXPECT_FALSE(begin(3, "many", 2));
  EXPECT_FALSE(begin(4, "many", 3));
  connections_.asked(2, second(3));
  connections_.answered(2, second(4));
  EXPECT_EQ(begin(5, "new", 5), 3U);
  EXPECT_EQ(begin(6, "new", 5), 4U);  // it is not counted any more; "many" is the oldest of equals
  connections_.end(3);
  connections_.end(4);
}

TEST_F(HttpConnectionsTest, EachServerHasItsOwnNumber) {
  for (HttpConnections::Id id = 1; id <= 4; ++id) EXPECT_FALSE(begin(id, "a"));
  for (HttpConnections::Id id = 5; id <= 8; ++id) {
    EXPECT_FALSE(connections_.begin(id, 1, "a", second(0)));
  }
  EXPECT_EQ(connections_.begin(9, 1, "a", second(0)), 5U);
}

TEST_F(HttpConnectionsTest, WhoIsAnsweredGoesOnlyWhenNobodyWaitsAndItIsSlow) {
  for (HttpConnections::Id id = 1; id <= 4; ++id) {
    EXPECT_FALSE(begin(id, "a"));
    connections_.asked(id, second(id));
  }
  EXPECT_FALSE(begin(5, "b", 2));   // the first has had 1 s
  EXPECT_EQ(begin(6, "b", 4), 5U);  // waits
  connections_.asked(6, second(4));
  EXPECT_EQ(begin(7, "b", 5), 1U);
}

TEST_F(HttpConnectionsTest, AStreamEndsWithoutProgressAndAfterItsTime) {
  EXPECT_FALSE(begin(1, "a"));
  EXPECT_TRUE(stream(1, 0).given);
  EXPECT_EQ(connections_.next_due(), second(30));
  for (std::uint64_t when = 20; when <= 280; when += 20) {
    connections_.progress(1, 1000, second(when));
    EXPECT_THAT(connections_.take_due(second(when + 19)), IsEmpty());
  }
  connections_.progress(1, 1000, second(299));
  EXPECT_THAT(connections_.take_due(second(300)), ElementsAre(1));
}

TEST_F(HttpConnectionsTest, AClientHasSoManyStreamsUnlessItsOwnAreSlow) {
  for (HttpConnections::Id id = 1; id <= 3; ++id) EXPECT_FALSE(begin(id, "a"));
  EXPECT_TRUE(stream(1, 0).given);
  EXPECT_TRUE(stream(2, 0).given);
  connections_.progress(1, 100'000'000, second(1));
  const auto refused = stream(3, 1);
  EXPECT_FALSE(refused.given);
  EXPECT_FALSE(refused.ends);
  connections_.progress(1, 100'000'000, second(4));
  const auto given = stream(3, 4);
  EXPECT_TRUE(given.given);
  EXPECT_EQ(given.ends, 2U);  // took nothing for 4 s
  connections_.answered(2, second(4));
  connections_.answered(1, second(4));
  connections_.end(2);
  EXPECT_TRUE(stream(1, 4).given);
}

TEST_F(HttpConnectionsTest, WhoHasNoneGetsOneOfThoseWhoHaveTwo) {
  connections_ = HttpConnections({.kept = 20, .streams = 4, .streams_per_client = 2});
  for (HttpConnections::Id id = 1; id <= 4; ++id) {
    EXPECT_FALSE(begin(id, id <= 2 ? "a" : "b"));
    EXPECT_TRUE(stream(id, 0).given);
    connections_.progress(id, 100'000'000, second(id == 3 ? 0 : 1));
  }
  EXPECT_FALSE(begin(5, "c"));
  const auto given = stream(5, 1);
  EXPECT_TRUE(given.given);
  EXPECT_EQ(given.ends, 3U);  // of two equals, the one without a byte for longer
  // a 2, b 1, c 1.
  EXPECT_FALSE(begin(6, "d"));
  EXPECT_TRUE(stream(6, 1).given);
  EXPECT_FALSE(begin(7, "e"));
  EXPECT_FALSE(stream(7, 1).given);  // each has one, and reads
}

// A drop now and then is progress, but no reading.
TEST_F(HttpConnectionsTest, WhoReadsInDropsIsSlow) {
  connections_ = HttpConnections({.kept = 20, .streams = 2, .streams_per_client = 1});
  for (HttpConnections::Id id = 1; id <= 3; ++id) {
    EXPECT_FALSE(begin(id, id == 1 ? "a" : id == 2 ? "b" : "c"));
  }
  EXPECT_TRUE(stream(1, 0).given);
  EXPECT_TRUE(stream(2, 0).given);
  connections_.progress(1, 20 * limits::kHttpSlowBytesPerSecond, second(1));
  connections_.progress(2, 2 * limits::kHttpSlowBytesPerSecond, second(1));
  connections_.progress(1, 1, second(9));
  connections_.progress(2, 1, second(9));
  const auto given = stream(3, 9);
  EXPECT_TRUE(given.given);
  EXPECT_EQ(given.ends, 2U);
}

}  // namespace
}  // namespace cgwarden::exporters
