#include "agent/image_lists.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace cgwarden::agent {
namespace {

using testing::ElementsAre;

TEST(ImageListsTest, ImagesAsTheStorageLibraryWritesThem) {
  const auto images = parse_image_list(
      R"([{"id": "95a4", "digest": "sha256:3e8e", "names": ["localhost/a:latest"], "layer": "8a18",
           "metadata": "{}", "created": "2026-11-25T17:51:28.921042012Z"},
          {"id": "e0e0", "names": null}])",
      "images.json");
  ASSERT_TRUE(images) << images.error().sentence();
  ASSERT_EQ(images->size(), 2U);
  EXPECT_EQ((*images)[0].id, "95a4");
  EXPECT_THAT((*images)[0].names, ElementsAre("localhost/a:latest"));
  EXPECT_EQ((*images)[0].top_layer, "8a18");
  EXPECT_TRUE((*images)[1].names.empty() && (*images)[1].top_layer.empty());
}

TEST(ImageListsTest, AnIdIsNeverAPath) {
  for (const char* text :
       {R"([{"id": "../../etc"}])", R"([{"id": ""}])", R"([{"names": []}])", R"([5])", "{}", "[",
        R"([{"id": "ab", "layer": "../x"}])", R"([{"id": 5}])"}) {
    EXPECT_FALSE(parse_image_list(text, "images.json")) << text;
  }
  EXPECT_FALSE(parse_layer_list(R"([{"id": "a/b"}])", "layers.json"));
}

TEST(ImageListsTest, AChainGoesFromTheLowestUp) {
  const auto layers = parse_layer_list(
      R"([{"id": "c", "parent": "b"}, {"id": "a"}, {"id": "b", "parent": "a", "flags": {}},
          {"id": "d", "parent": "b", "flags": {"incomplete": true}},
          {"id": "e", "parent": "f"}, {"id": "f", "parent": "e"}, {"id": "0", "parent": "9"},
          {"id": "7", "parent": "d"}])",
      "layers.json");
  ASSERT_TRUE(layers) << layers.error().sentence();
  EXPECT_THAT(layer_chain(*layers, "c").value(), ElementsAre("a", "b", "c"));
  EXPECT_TRUE(layer_chain(*layers, "").value().empty());
  for (const char* top : {"d", "7", "e", "0", "none"}) {
    const auto chain = layer_chain(*layers, top);
    ASSERT_FALSE(chain) << top;
    EXPECT_THAT(chain.error().sentence(), testing::HasSubstr("import the image again"));
  }
}

}  // namespace
}  // namespace cgwarden::agent
