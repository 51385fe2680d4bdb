#pragma once

#include <span>
#include <string_view>

namespace cgwarden::policy {

// The known word that `word` is most likely a misspelling of (transposed, missing, wrong letters;
// case, "_" and "-"); empty when none is near.
[[nodiscard]] std::string_view closest_word(std::string_view word,
                                            std::span<const std::string_view> known);

}  // namespace cgwarden::policy
