#include "diagnosis/kmsg.h"

#include <gtest/gtest.h>

namespace cgwarden::diagnosis {
namespace {

TEST(KmsgTest, ReadsARecord) {
  const auto record = parse_kmsg_record("6,411,47912402,-;memory: usage 49152kB, limit 49152kB\n");
  ASSERT_TRUE(record);
  EXPECT_EQ(record->priority, 6U);
  EXPECT_EQ(record->sequence, 411U);
  EXPECT_EQ(record->boottime, Usec(47912402));
  EXPECT_FALSE(record->continuation);
  EXPECT_TRUE(record->from_kernel());
  EXPECT_EQ(record->text, "memory: usage 49152kB, limit 49152kB");
}

TEST(KmsgTest, KnowsContinuationsCallersAndDictionaries) {
  const auto record = parse_kmsg_record("4,1,2,c,caller=T1;a;b\n SUBSYSTEM=net\n DEVICE=+x\n");
  ASSERT_TRUE(record);
  EXPECT_TRUE(record->continuation);
  EXPECT_EQ(record->text, "a;b");
}

TEST(KmsgTest, UnescapesBytes) {
  EXPECT_EQ(parse_kmsg_record("6,1,2,-;anon 1\\x0afile 2\\x5cx\\xZZ\\x0")->text,
            "anon 1\nfile 2\\x\\xZZ\\x0");
}

TEST(KmsgTest, AProcessWritesAsAnotherFacility) {
  EXPECT_FALSE(parse_kmsg_record("11,1,2,-;Killed process 1 (init)\n")->from_kernel());
  EXPECT_TRUE(parse_kmsg_record("7,1,2,-;x\n")->from_kernel());
}

TEST(KmsgTest, RefusesWhatIsNotARecord) {
  for (const auto* text : {"", "\n", "6,1,2,-", "6,1,2;x", "x,1,2,-;x", "-6,1,2,-;x", "6,,2,-;x",
                           "6,1,2.5,-;x", "6,99999999999999999999,2,-;x", " 6,1,2,-;x"}) {
    const auto record = parse_kmsg_record(text);
    ASSERT_FALSE(record) << text;
    EXPECT_EQ(record.error().kind, ErrorKind::malformed);
  }
}

}  // namespace
}  // namespace cgwarden::diagnosis
