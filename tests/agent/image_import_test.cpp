#include "agent/image_import.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "agent/packaged_tool.h"
#include "base/file.h"
#include "tests/temporary_directory.h"

namespace cgwarden::agent {
namespace {

using testing::HasSubstr;

TEST(ImageImportTest, ANameComesFromTheSource) {
  EXPECT_EQ(name_of("/srv/My_App.tar.gz"), "my-app");
  EXPECT_EQ(name_of("web.tar"), "web");
  EXPECT_EQ(name_of("web-1.0"), "web-1.0");
  EXPECT_EQ(name_of("debian_12 (copy).tgz"), "debian-12-copy");
  EXPECT_EQ(name_of("--.tar"), "image");
  EXPECT_EQ(name_of("\xc3\xbc.tar"), "image");
  EXPECT_EQ(name_of(std::string(100, 'a') + ".tar"), "image");
}

class StoreTest : public testing::Test {
 protected:
  void write(const std::string& path, const std::string& text) const {
    const std::filesystem::path file = directory_ + "/" + path;
    std::filesystem::create_directories(file.parent_path());
    std::ofstream(file) << text;
  }
  TemporaryDirectory temporary_;
  const std::string directory_ = temporary_.path();
};

const std::string kId = "95a43626341e499d40c5aa533e82538c792fdbe9995111a70819d69fcd85b673";

TEST_F(StoreTest, WhatIsNoImageIsRefusedBeforeAnyToolRuns) {
  const auto refusal = [this](const std::string& source, const std::string& name) {
    const auto image = import_image({.state_dir = directory_ + "/state",
                                     .runtime_dir = directory_ + "/run",
                                     .source = source,
                                     .reference = {},
                                     .name = name});
    return image ? "imported" : image.error().sentence();
  };
  write("plain/file", "x");
  EXPECT_THAT(refusal(directory_ + "/none", ""), HasSubstr("No such file or directory"));
  EXPECT_THAT(refusal(directory_ + "/plain", ""), HasSubstr("the directory has no oci-layout"));
  EXPECT_THAT(refusal("/dev/null", ""), HasSubstr("neither a directory nor a file"));
  EXPECT_THAT(refusal(directory_ + "/plain", "Not A Name"), HasSubstr("a name has up to 64"));
  write("text", "no archive");
  EXPECT_THAT(refusal(directory_ + "/text", ""), HasSubstr("tar cannot read it"));
  write("packed.gz", "\x1f\x8bxx");
  EXPECT_THAT(refusal(directory_ + "/packed.gz", ""), HasSubstr("gzip cannot unpack it"));
  EXPECT_FALSE(std::filesystem::exists(directory_ + "/state/images/scratch"));
}

TEST_F(StoreTest, FindsByNameIdAndSource) {
  write("state/images/overlay-images/images.json",
        R"([{"id": ")" + kId + R"(", "names": ["localhost/web:latest"], "layer": "cd"}])");
  write("state/images/overlay-layers/layers.json",
        R"([{"id": "ab"}, {"id": "cd", "parent": "ab"}])");
  // The name is base64 of "sha256:" and the id.
  write("state/images/overlay-images/" + kId +
            "/=c2hhMjU2Ojk1YTQzNjI2MzQxZTQ5OWQ0MGM1YWE1MzNlODI1MzhjNzkyZmRiZTk5OTUxMTFhNzA4MTlkNjlm"
            "Y2Q4NWI2NzM=",
        R"({"config": {"Cmd": ["/bin/web"]}})");
  const ImageStore store(directory_ + "/state");
  const auto image = store.find("web");
  ASSERT_TRUE(image) << image.error().sentence();
  EXPECT_EQ(image->id, kId);
  EXPECT_THAT(image->layers, testing::ElementsAre(directory_ + "/state/images/overlay/ab/diff",
                                                  directory_ + "/state/images/overlay/cd/diff"));
  EXPECT_EQ(store.config_of(*image).value().command.front(), "/bin/web");
  EXPECT_TRUE(store.find(kId));
  EXPECT_TRUE(store.find(kId.substr(0, 12)));
  EXPECT_FALSE(store.find(kId.substr(0, 11)));
  EXPECT_EQ(store.find("db").error().sentence(),
            "cannot find the image db: cgwarden image list shows those that there are");

  const std::string source = directory_ + "/web.tar";
  write("web.tar", "one");
  EXPECT_THAT(store.find(source).error().sentence(), HasSubstr("cgwarden image import " + source));
  ASSERT_TRUE(store.note_source(source, kId));
  EXPECT_EQ(store.find(source).value().id, kId);
  write("web.tar", "another one");
  EXPECT_FALSE(store.find(source)) << "it has changed since";
}

TEST_F(StoreTest, NoStoreIsAnEmptyOne) {
  EXPECT_TRUE(ImageStore(directory_).list().value().empty());
}

TEST(PackagedToolTest, OutputErrorsStatusAndTheBorrowedFile) {
  std::string pattern = testing::TempDir() + "cgwarden-tool-XXXXXX";
  const UniqueFd file(::mkstemp(pattern.data()));
  ASSERT_TRUE(write_all(file.get(), "lent", pattern));
  const auto done = run_tool({.package = "dash",
                              .words = {"sh", "-c", "cat /proc/self/fd/3; echo no >&2; exit 3"},
                              .borrowed_fd = file.get()});
  ASSERT_TRUE(done) << done.error().sentence();
  EXPECT_EQ(done->status, 3);
  EXPECT_EQ(done->output, "lent");
  EXPECT_EQ(done->errors, "no\n");
  const auto killed = run_tool({.package = "dash", .words = {"sh", "-c", "kill -9 $$"}});
  EXPECT_EQ(killed.value().status, 137);
  std::filesystem::remove(pattern);
}

TEST(PackagedToolTest, AMissingOneNamesItsPackage) {
  const auto missing = run_tool({.package = "a-package", .words = {"no-such-tool"}});
  ASSERT_FALSE(missing);
  EXPECT_EQ(missing.error().kind, ErrorKind::not_supported);
  EXPECT_EQ(missing.error().sentence(),
            "cannot run no-such-tool: it is not installed; install the package a-package");
}

}  // namespace
}  // namespace cgwarden::agent
