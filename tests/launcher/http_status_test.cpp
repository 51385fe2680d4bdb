#include "launcher/http_status.h"

#include <gmock/gmock.h>

namespace cgwarden::launcher {
namespace {

TEST(HttpStatus, TheCodeOfAStatusLine) {
  EXPECT_EQ(http_status("HTTP/1.1 200 OK\r\nServer: x\r\n"), 200);
  EXPECT_EQ(http_status("HTTP/1.0 404 \r\n"), 404);
  EXPECT_EQ(http_status("HTTP/1.1 503\n"), 503);
}

TEST(HttpStatus, WhatIsNoneOrNotWhole) {
  for (const auto* text :
       {"", "HTTP/1.1 200 OK", "HTTP/2 200\r\n", "HTTP/1.1 20\r\n", "HTTP/1.1 2000 OK\r\n",
        "HTTP/1.1  200 OK\r\n", "HTTP/1.x 200 OK\r\n", "HTTP/1.1 +20 OK\r\n", "HTTP/1.1 099 OK\r\n",
        "http/1.1 200 OK\r\n", "220 smtp\r\n"}) {
    EXPECT_EQ(http_status(text), std::nullopt) << text;
  }
}

}  // namespace
}  // namespace cgwarden::launcher
