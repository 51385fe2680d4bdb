#pragma once

#include <algorithm>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include "cgroup/file_group.h"
#include "cgroup/grouped_files.h"
#include "cgroup/grouped_format.h"

// How members of Sample::grouped are written. Snapshots of other threads share it, so that it is
// never changed but replaced; most values stay what they were, and then nothing is.
namespace cgwarden::cgroup {

template <auto Parse>
[[nodiscard]] auto parse_with(std::string_view text, std::string_view file) {
  if constexpr (requires { Parse(text, file); }) {
    return Parse(text, file);
  } else {
    return Parse(text);
  }
}

// `change` gets a copy of the group's values.
template <typename Change>
void replace_grouped(Sample& sample, const Change& change) {
  auto copy = sample.grouped ? std::make_shared<GroupedFiles>(*sample.grouped)
                             : std::make_shared<GroupedFiles>();
  change(*copy);
  sample.grouped = std::move(copy);
}

template <auto Member>
void clear_grouped(Sample& sample, std::string_view) {
  if (!sample.grouped || !((*sample.grouped).*Member)) return;
  replace_grouped(sample, [](GroupedFiles& files) { (files.*Member).reset(); });
}

template <auto Member, auto Parse>
Status store_grouped(Sample& sample, std::string_view file, std::string_view text, FileGroups) {
  auto value = parse_with<Parse>(text, file);
  if (!value) {
    clear_grouped<Member>(sample, file);
    return fail(std::move(value.error()));
  }
  if (sample.grouped && (*sample.grouped).*Member == *value) return {};
  replace_grouped(sample, [&](GroupedFiles& files) { files.*Member = *std::move(value); });
  return {};
}

// Of one page size, or of all: hugetlb_size() is empty for `hugetlb.*.max`.
template <auto Member>
void clear_size(Sample& sample, std::string_view file) {
  if (!sample.grouped) return;
  const std::string_view size = hugetlb_size(file);
  const auto concerned = [&](const HugetlbSize& row) {
    return (size.empty() || row.size == size) && row.*Member;
  };
  if (std::ranges::none_of(sample.grouped->hugetlb, concerned)) return;
  replace_grouped(sample, [&](GroupedFiles& files) {
    for (HugetlbSize& row : files.hugetlb) {
      if (concerned(row)) (row.*Member).reset();
    }
  });
}

template <auto Member, auto Parse>
Status store_size(Sample& sample, std::string_view file, std::string_view text, FileGroups) {
  auto value = parse_with<Parse>(text, file);
  if (!value) {
    clear_size<Member>(sample, file);
    return fail(std::move(value.error()));
  }
  const std::string_view size = hugetlb_size(file);
  if (sample.grouped) {
    const auto found = std::ranges::find(sample.grouped->hugetlb, size, &HugetlbSize::size);
    if (found != sample.grouped->hugetlb.end() && (*found).*Member == *value) return {};
  }
  replace_grouped(sample, [&](GroupedFiles& files) {
    auto row = std::ranges::find(files.hugetlb, size, &HugetlbSize::size);
    if (row == files.hugetlb.end()) {
      row = files.hugetlb.emplace(row);
      row->size = size;
    }
    (*row).*Member = *std::move(value);
  });
  return {};
}

}  // namespace cgwarden::cgroup
