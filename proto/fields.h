// SPDX-License-Identifier: Apache-2.0
// Field numbers of profile.proto, the format of pprof. Shared by the writer (proto/profile_builder) and by
// the readers in tools/, which link nothing else of the runtime.
//
// Constants only. The schema itself, with what each field means, stands in proto/profile.proto; a test
// compares the two by reflection.
#ifndef HEAPPROF_PROTO_FIELDS_H_
#define HEAPPROF_PROTO_FIELDS_H_

namespace heapprof::fields {

namespace profile {
inline constexpr int kSampleType = 1;
inline constexpr int kSample = 2;
inline constexpr int kMapping = 3;
inline constexpr int kLocation = 4;
inline constexpr int kFunction = 5;
inline constexpr int kStringTable = 6;
inline constexpr int kDropFrames = 7;
inline constexpr int kKeepFrames = 8;
inline constexpr int kTimeNanos = 9;
inline constexpr int kDurationNanos = 10;
inline constexpr int kPeriodType = 11;
inline constexpr int kPeriod = 12;
inline constexpr int kComment = 13;
inline constexpr int kDefaultSampleType = 14;
inline constexpr int kDocUrl = 15;
}  // namespace profile

namespace value_type {
inline constexpr int kType = 1;
inline constexpr int kUnit = 2;
}  // namespace value_type

namespace sample {
inline constexpr int kLocationId = 1;
inline constexpr int kValue = 2;
inline constexpr int kLabel = 3;
}  // namespace sample

namespace label {
inline constexpr int kKey = 1;
inline constexpr int kStr = 2;
inline constexpr int kNum = 3;
inline constexpr int kNumUnit = 4;
}  // namespace label

namespace mapping {
inline constexpr int kId = 1;
inline constexpr int kMemoryStart = 2;
inline constexpr int kMemoryLimit = 3;
inline constexpr int kFileOffset = 4;
inline constexpr int kFilename = 5;
inline constexpr int kBuildId = 6;
inline constexpr int kHasFunctions = 7;
inline constexpr int kHasFilenames = 8;
inline constexpr int kHasLineNumbers = 9;
inline constexpr int kHasInlineFrames = 10;
}  // namespace mapping

namespace location {
inline constexpr int kId = 1;
inline constexpr int kMappingId = 2;
inline constexpr int kAddress = 3;
inline constexpr int kLine = 4;
inline constexpr int kIsFolded = 5;
}  // namespace location

namespace line {
inline constexpr int kFunctionId = 1;
inline constexpr int kLine = 2;
inline constexpr int kColumn = 3;
}  // namespace line

namespace function {
inline constexpr int kId = 1;
inline constexpr int kName = 2;
inline constexpr int kSystemName = 3;
inline constexpr int kFilename = 4;
inline constexpr int kStartLine = 5;
}  // namespace function

}  // namespace heapprof::fields

#endif  // HEAPPROF_PROTO_FIELDS_H_
