# Compiler flags of every target.
add_compile_options(-Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wnon-virtual-dtor -Werror=return-type
                    -fno-common)
if(CMAKE_UNITY_BUILD)
  add_compile_options(-Wno-shadow)  # a name of one file is no shadow of another file's
endif()
if(CGWARDEN_SANITIZE)
  add_compile_options(-fsanitize=${CGWARDEN_SANITIZE} -fno-omit-frame-pointer -fno-sanitize-recover=all)
  add_link_options(-fsanitize=${CGWARDEN_SANITIZE})
endif()
if(CGWARDEN_HARDENED)
  add_compile_options(-fstack-protector-strong -fstack-clash-protection -fcf-protection -ftrivial-auto-var-init=zero)
  add_compile_definitions(_FORTIFY_SOURCE=3 _GLIBCXX_ASSERTIONS)
  add_link_options(-Wl,-z,relro,-z,now)
  set(CMAKE_POSITION_INDEPENDENT_CODE ON)
endif()
if(CGWARDEN_COVERAGE)
  add_compile_options(--coverage)
  add_link_options(--coverage)
endif()
if(CGWARDEN_FUZZ)
  # Everything is instrumented; only the fuzz executables link libFuzzer's main.
  add_compile_options(-fsanitize=fuzzer-no-link)
endif()
