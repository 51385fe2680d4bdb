#include <gmock/gmock.h>

#include "golden.h"

#include "exporters/catalog.h"
#include "tests/paths.h"

namespace cgwarden::exporters {
namespace {

TEST(Reference, DocsMetricsIsGeneratedFromTheCatalog) {
  expect_golden(in_source("docs/metrics.md"), metrics_reference());
}

}  // namespace
}  // namespace cgwarden::exporters
