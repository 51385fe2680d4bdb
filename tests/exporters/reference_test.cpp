#include <gmock/gmock.h>

#include "golden.h"

#include "exporters/catalog.h"

namespace cgwarden::exporters {
namespace {

TEST(Reference, DocsMetricsIsGeneratedFromTheCatalog) {
  expect_golden(DOCS "/metrics.md", metrics_reference());
}

}  // namespace
}  // namespace cgwarden::exporters
