#pragma once

#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <string_view>

#include "base/result.h"

// What the fuzz targets of parsers share: input as text, and checks that end the process.
namespace cgwarden::fuzz {

inline std::string_view text_of(const std::uint8_t* data, std::size_t size) {
  return {reinterpret_cast<const char*>(data), size};
}

inline void require(bool holds, const char* law) {
  if (holds) return;
  std::fprintf(stderr, "law broken: %s\n", law);
  std::abort();
}

// A failure of a parser is `malformed` and can be shown to a person without driving the terminal.
inline void require_clean_error(const Error& error) {
  require(error.kind == ErrorKind::malformed, "a parser fails as malformed");
  const std::string sentence = error.sentence();
  require(sentence.size() < 1024, "an error is a sentence, not the input");
  for (const char byte : sentence) {
    require(static_cast<unsigned char>(byte) >= 0x20 && byte != 0x7F, "an error is printable");
  }
}

}  // namespace cgwarden::fuzz
