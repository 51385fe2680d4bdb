// USER, a line end, and the image's passwd(5), which also stands for its group(5).
#include "agent/image_user.h"
#include "tests/fuzz/fuzz_target.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace cgwarden;
  const std::string text(fuzz::text_of(data, size));
  const std::size_t cut = text.find('\n');
  const std::string wanted = text.substr(0, cut);
  const std::string file = cut == std::string::npos ? "" : text.substr(cut + 1);
  const auto user = agent::find_user(wanted, file, file);
  if (!user) {
    fuzz::require(user.error().kind == ErrorKind::invalid, "an unknown name is the caller's");
    return 0;
  }
  fuzz::require(user->uid != ~std::uint32_t{0} || file.find("4294967295") != std::string::npos,
                "no id is made up");
  fuzz::require(!wanted.empty() || (user->uid == 0 && user->gid == 0), "nobody is root");
  return 0;
}
