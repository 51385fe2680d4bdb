#include "launcher/overlay_config.h"

#include <gtest/gtest.h>

#include <string>

namespace cgwarden::launcher {
namespace {

TEST(OverlayConfig, GoesThroughConfigJsonWithAnyBytes) {
  Spec spec = default_spec();
  spec.root_path = "/run/cgwarden/rootfs";
  spec.process.args = {"true"};
  spec.overlay =
      Overlay{.layers = {"/srv/base", "/a:b,c\\ \"d\"\n", "/not utf-8 \xff\xc3(", "/\xc3\xbc"},
              .writable = "/var/lib/\xfe"};
  annotate_overlay(spec);
  auto read = parse_config(to_config(spec), "config.json");
  ASSERT_TRUE(read) << read.error().sentence();
  EXPECT_FALSE(read->overlay) << "the parser of config.json must not take it";
  ASSERT_TRUE(read_overlay_annotations(*read));
  EXPECT_EQ(read->overlay, spec.overlay);
}

TEST(OverlayConfig, WithoutAnOverlayThereIsNone) {
  Spec spec = default_spec();
  annotate_overlay(spec);
  ASSERT_TRUE(read_overlay_annotations(spec));
  EXPECT_FALSE(spec.overlay);
}

TEST(OverlayConfig, MalformedOnesAreRefusedByName) {
  for (const char* layers : {"", "[]", "{}", "[1]", "[\"relative\"]", "[\"/a\", \"\"]", "[\"/a\"",
                             "[\"/\\u0000\"]", "[\"/\\u0100\"]"}) {
    Spec spec;
    spec.annotations["io.github.cgwarden.layers"] = layers;
    const Status status = read_overlay_annotations(spec);
    ASSERT_FALSE(status) << layers;
    EXPECT_NE(status.error().sentence().find("io.github.cgwarden.layers"), std::string::npos);
    EXPECT_FALSE(spec.overlay);
  }
  Spec spec;
  spec.annotations["io.github.cgwarden.layers"] = "[\"/a\"]";
  spec.annotations["io.github.cgwarden.writable"] = "relative";
  EXPECT_FALSE(read_overlay_annotations(spec));
}

}  // namespace
}  // namespace cgwarden::launcher
