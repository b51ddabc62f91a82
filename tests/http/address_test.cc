// SPDX-License-Identifier: Apache-2.0
#include "http/address.h"

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <string.h>

#include <string>

namespace heapprof::http {
namespace {

std::string Shown(const char* text) {
  Address address;
  if (!ParseAddress(text, &address)) return "none";
  Text<512> shown;
  PutAddress(address, &shown);
  return shown.data();
}

TEST(Address, APortIsOfTheLoopback) {
  EXPECT_EQ(Shown("6060"), "http://127.0.0.1:6060");
  EXPECT_EQ(Shown("0"), "http://127.0.0.1:0");
  EXPECT_EQ(Shown("65535"), "http://127.0.0.1:65535");
}

TEST(Address, NumbersOfBothFamilies) {
  EXPECT_EQ(Shown("0.0.0.0:80"), "http://0.0.0.0:80");
  EXPECT_EQ(Shown("192.168.17.255:6060"), "http://192.168.17.255:6060");
  EXPECT_EQ(Shown("[::1]:6060"), "http://[0:0:0:0:0:0:0:1]:6060");
  EXPECT_EQ(Shown("[::]:6060"), "http://[0:0:0:0:0:0:0:0]:6060");
}

TEST(Address, SixIsReadAsLibcReadsIt) {
  for (const char* text : {"::", "::1", "1::", "fe80::1:2", "1:2:3:4:5:6:7:8", "1:2:3:4:5:6:7::",
                           "::2:3:4:5:6:7:8", "2001:db8::ff00:42:8329", "1:2:3:4:5:6:7", "1:2:3:4:5:6:7:8:9",
                           ":1", "1:", ":::", "1::2::3", "12345::", "g::", "", ":", "1:2:3:4:5:6:7:8::"}) {
    in6_addr expected = {};
    const bool good = inet_pton(AF_INET6, text, &expected) == 1;
    Address address;
    EXPECT_EQ(ParseAddress(("[" + std::string(text) + "]:1").c_str(), &address), good) << text;
    if (good) {
      EXPECT_EQ(memcmp(&address.six.sin6_addr, &expected, sizeof(expected)), 0) << text;
    }
  }
}

TEST(Address, LocalOnes) {
  EXPECT_EQ(Shown("unix:/run/server.sock"), "unix:/run/server.sock");
  EXPECT_EQ(Shown("unix:@name"), "unix:@name");
  Address address;
  ASSERT_TRUE(ParseAddress("unix:@name", &address));
  EXPECT_FALSE(address.IsFile());
  EXPECT_EQ(address.size, sizeof(sa_family_t) + 1 + strlen("name"));
  EXPECT_TRUE(ParseAddress(("unix:/" + std::string(106, 'x')).c_str(), &address));
  EXPECT_FALSE(ParseAddress(("unix:/" + std::string(107, 'x')).c_str(), &address));
}

TEST(Address, NamesAndRubbishAreNone) {
  for (const char* text : {"",
                           "65536",
                           "-1",
                           "+1",
                           "http",
                           "localhost:6060",
                           "1.2.3:80",
                           "1.2.3.4.5:80",
                           "256.1.1.1:80",
                           "1.2.3.4:",
                           "1.2.3.4",
                           ":80",
                           "[::1]",
                           "[::1:80",
                           "::1:80",
                           "unix:",
                           "unix:@",
                           "6060 ",
                           "1.2.3.4:80:80",
                           "[]:80"}) {
    EXPECT_EQ(Shown(text), "none") << text;
  }
}

}  // namespace
}  // namespace heapprof::http
