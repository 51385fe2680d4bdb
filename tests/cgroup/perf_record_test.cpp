#include "cgroup/perf_record.h"

#include <gtest/gtest.h>

#include <cstring>
#include <string>
#include <vector>

#include "cgroup/signal_trace.h"

namespace cgwarden::cgroup {
namespace {

// As 6.12 prints it.
const std::string kFormat =
    "name: signal_generate\nID: 187\nformat:\n"
    "\tfield:unsigned short common_type;\toffset:0;\tsize:2;\tsigned:0;\n"
    "\tfield:unsigned char common_flags;\toffset:2;\tsize:1;\tsigned:0;\n"
    "\tfield:unsigned char common_preempt_count;\toffset:3;\tsize:1;\tsigned:0;\n"
    "\tfield:int common_pid;\toffset:4;\tsize:4;\tsigned:1;\n\n"
    "\tfield:int sig;\toffset:8;\tsize:4;\tsigned:1;\n"
    "\tfield:int errno;\toffset:12;\tsize:4;\tsigned:1;\n"
    "\tfield:int code;\toffset:16;\tsize:4;\tsigned:1;\n"
    "\tfield:char comm[16];\toffset:20;\tsize:16;\tsigned:0;\n"
    "\tfield:pid_t pid;\toffset:36;\tsize:4;\tsigned:1;\n"
    "\tfield:int group;\toffset:40;\tsize:4;\tsigned:1;\n"
    "\tfield:int result;\toffset:44;\tsize:4;\tsigned:1;\n\n"
    "print fmt: \"sig=%d errno=%d\", REC->sig, REC->errno\n";

SignalLayout layout() { return *signal_layout(*parse_event_format(kFormat, "format")); }

class Body {
 public:
  template <typename T>
  Body& add(T value) {
    const auto* bytes = reinterpret_cast<const std::byte*>(&value);
    bytes_.insert(bytes_.end(), bytes, bytes + sizeof value);
    return *this;
  }
  Body& text(const std::string& text, std::size_t size) {
    for (std::size_t i = 0; i < size; ++i) {
      bytes_.push_back(static_cast<std::byte>(i < text.size() ? text[i] : '\0'));
    }
    return *this;
  }
  [[nodiscard]] const std::vector<std::byte>& bytes() const { return bytes_; }

 private:
  std::vector<std::byte> bytes_;
};

Body sample() {
  Body body;
  body.add<std::int32_t>(812).add<std::int32_t>(813).add<std::uint64_t>(5'000'001'999);
  body.add<std::uint32_t>(52);  // raw: 48 bytes and padding
  body.add<std::uint16_t>(187).add<std::uint16_t>(0).add<std::int32_t>(813);
  body.add<std::int32_t>(9).add<std::int32_t>(0).add<std::int32_t>(128);
  body.text("a,pid=1", 16).add<std::int32_t>(77).add<std::int32_t>(1).add<std::int32_t>(2);
  body.add<std::uint32_t>(0);
  body.add<std::uint64_t>(4242);
  return body;
}

TEST(PerfRecordTest, ReadsWhereTheFormatSays) {
  const Body body = sample();
  const auto event = parse_sample(layout(), body.bytes(), true);
  ASSERT_TRUE(event);
  EXPECT_EQ(event->boottime, Usec{5'000'001});
  EXPECT_EQ(event->sender, 812);
  EXPECT_EQ(event->sender_task, 813);
  EXPECT_EQ(event->sender_cgroup->value, 4242U);
  EXPECT_EQ(event->target, 77);
  EXPECT_EQ(event->target_comm, "a,pid=1");
  EXPECT_EQ(event->signal, 9);
  EXPECT_EQ(event->code, 128);
  EXPECT_TRUE(event->group);
  EXPECT_EQ(event->result, 2);
  EXPECT_FALSE(parse_sample(layout(), body.bytes(), false)->sender_cgroup);
}

TEST(PerfRecordTest, ACutRecordIsNone) {
  const Body body = sample();
  for (std::size_t size = 0; size < 72; ++size) {
    EXPECT_FALSE(parse_sample(layout(), std::span(body.bytes()).first(size), true)) << size;
  }
}

TEST(PerfRecordTest, FieldsMoveWithTheKernel) {
  std::string moved = kFormat;
  moved.replace(moved.find("offset:44"), 9, "offset:40");
  moved.replace(moved.find("offset:40;\tsize:4;\tsigned:1;\n\tfield:int result"), 9, "offset:44");
  const auto event =
      parse_sample(*signal_layout(*parse_event_format(moved, "")), sample().bytes(), true);
  ASSERT_TRUE(event);
  EXPECT_EQ(event->result, 1);
}

TEST(PerfRecordTest, AFormatWithoutAFieldIsNotSupported) {
  std::string without = kFormat;
  without.replace(without.find("int result"), 10, "int rezult");
  const auto layout = signal_layout(*parse_event_format(without, ""));
  ASSERT_FALSE(layout);
  EXPECT_EQ(layout.error().kind, ErrorKind::not_supported);
  EXPECT_NE(layout.error().sentence().find("result"), std::string::npos);
}

TEST(PerfRecordTest, ADamagedFormatIsRefused) {
  EXPECT_FALSE(parse_event_format("", ""));
  EXPECT_FALSE(parse_event_format("name: x\nID: y\n", ""));
  EXPECT_FALSE(parse_event_format("name: x\nID: 1\nfield:int a;\toffset:0;\n", ""));
  EXPECT_FALSE(parse_event_format("name: x\nID: 1\nfield:int a;\toffset:4096;\tsize:4;\n", ""));
  EXPECT_FALSE(parse_event_format(
      "name: x\nID: 1\nfield:int a;\toffset:0;\tsize:4;\nfield:int a;\toffset:4;\tsize:4;\n", ""));
}

TEST(PerfRecordTest, ANameIsOfItsProcessAndNotOfAThread) {
  Body body;
  body.add<std::int32_t>(812).add<std::int32_t>(812).text("kill", 8);
  body.add<std::int32_t>(812).add<std::int32_t>(812).add<std::uint64_t>(7'000);
  const auto name = parse_comm(body.bytes());
  ASSERT_TRUE(name);
  EXPECT_EQ(name->pid, 812);
  EXPECT_EQ(name->comm, "kill");
  EXPECT_EQ(name->boottime, Usec{7});
  Body thread;
  thread.add<std::int32_t>(812).add<std::int32_t>(813).text("kill", 8);
  thread.add<std::int32_t>(812).add<std::int32_t>(813).add<std::uint64_t>(7'000);
  EXPECT_FALSE(parse_comm(thread.bytes()));
  EXPECT_FALSE(parse_comm(std::span(body.bytes()).first(20)));
}

TEST(ProcessorListTest, RangesAndNumbers) {
  EXPECT_EQ(*parse_processor_list("0-2,5"), (std::vector<int>{0, 1, 2, 5}));
  EXPECT_EQ(*parse_processor_list("0"), std::vector<int>{0});
  for (const auto* text : {"", "a", "3-1", "0-", "-1", "0-999999", "0,,1"}) {
    EXPECT_FALSE(parse_processor_list(text)) << text;
  }
}

}  // namespace
}  // namespace cgwarden::cgroup
