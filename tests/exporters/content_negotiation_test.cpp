#include "exporters/content_negotiation.h"

#include <gmock/gmock.h>

#include <string>

namespace cgwarden::exporters {
namespace {

using enum Exposition;

struct AcceptCase {
  const char* header;
  Exposition wanted;
};

class Accept : public testing::TestWithParam<AcceptCase> {};

TEST_P(Accept, ChoosesTheExposition) {
  EXPECT_EQ(preferred_exposition(GetParam().header), GetParam().wanted) << GetParam().header;
}

INSTANTIATE_TEST_SUITE_P(
    Headers, Accept,
    testing::Values(
        AcceptCase{"", text_0_0_4}, AcceptCase{"*/*", text_0_0_4}, AcceptCase{"text/*", text_0_0_4},
        AcceptCase{"text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8", text_0_0_4},
        AcceptCase{"application/json", text_0_0_4},
        // Prometheus 2.42
        AcceptCase{"application/openmetrics-text;version=1.0.0,application/"
                   "openmetrics-text;version=0.0.1;q=0.75,text/plain;version=0.0.4;q=0.5,*/*;q=0.1",
                   openmetrics_1_0_0},
        // Prometheus 3
        AcceptCase{"application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.6,"
                   "application/openmetrics-text;version=0.0.1;q=0.5,text/plain;version=1.0.0;"
                   "escaping=allow-utf-8;q=0.4,text/plain;version=0.0.4;q=0.3,*/*;q=0.2",
                   openmetrics_1_0_0},
        AcceptCase{"APPLICATION/OpenMetrics-Text ; Version=\"1.0.0\" ; Q=0.5", openmetrics_1_0_0},
        AcceptCase{"application/openmetrics-text", openmetrics_1_0_0},
        AcceptCase{"application/openmetrics-text;version=0.0.1", text_0_0_4},
        AcceptCase{"application/openmetrics-text;version=2.0.0,text/plain;q=0.1", text_0_0_4},
        AcceptCase{"application/openmetrics-text;q=0", text_0_0_4},
        AcceptCase{"application/openmetrics-text;q=0.4,text/plain;q=0.5", text_0_0_4},
        AcceptCase{"application/openmetrics-text;q=0.4,text/plain;version=9;q=0.5",
                   openmetrics_1_0_0},
        AcceptCase{"text/plain;q=0.5,application/openmetrics-text;q=0.5", openmetrics_1_0_0},
        AcceptCase{"application/openmetrics-text;q=0.4,*/*", text_0_0_4},
        AcceptCase{"application/openmetrics-text;q=0.4,text/plain;q=0.3,*/*", openmetrics_1_0_0},
        // A q that is not one makes its element void, not wanted.
        AcceptCase{"application/openmetrics-text;q=2", text_0_0_4},
        AcceptCase{"application/openmetrics-text;q=0.1234", text_0_0_4},
        AcceptCase{"application/openmetrics-text;q=1.001", text_0_0_4},
        AcceptCase{"application/openmetrics-text;q=", text_0_0_4},
        AcceptCase{"application/openmetrics-text;q=-1", text_0_0_4},
        // Separators inside a quoted parameter belong to it.
        AcceptCase{"text/plain;note=\"a,application/openmetrics-text;q=1\"", text_0_0_4},
        AcceptCase{",,;;,;q=1,\"", text_0_0_4}));

TEST(AcceptEncoding, GzipIsTakenOnlyWhenWanted) {
  for (const char* yes : {"gzip", "GZIP", "deflate, gzip", "gzip;q=0.001", "x-gzip", "*",
                          "br;q=1.0, *;q=0.1", "gzip;q=1.000", "identity;q=0, gzip"}) {
    EXPECT_TRUE(accepts_gzip(yes)) << yes;
  }
  for (const char* no : {"", "identity", "gzip;q=0", "gzip;q=0.0", "gzip;q=0.000", "*;q=0",
                         "gzip;q=0, *", "br", "gzip;q=x", "gzipped", "gzip;Q=0"}) {
    EXPECT_FALSE(accepts_gzip(no)) << no;
  }
}

TEST(AcceptEncoding, ElementsBeyondTheLimitAreNotRead) {
  std::string header;
  for (int i = 0; i < 100; ++i) header += "br,";
  EXPECT_FALSE(accepts_gzip(header + "gzip"));
}

TEST(ContentType, IsExact) {
  EXPECT_EQ(content_type(text_0_0_4), "text/plain; version=0.0.4; charset=utf-8");
  EXPECT_EQ(content_type(openmetrics_1_0_0),
            "application/openmetrics-text; version=1.0.0; charset=utf-8");
}

}  // namespace
}  // namespace cgwarden::exporters
