// SPDX-License-Identifier: Apache-2.0
#include "tools/send/dir_target.h"

#include <sys/stat.h>

#include <cctype>
#include <cerrno>
#include <cstdio>
#include <ctime>

#include "tools/base/failure.h"
#include "tools/base/output_file.h"
#include "tools/send/append_fields.h"
#include "tools/send/clock.h"

namespace heapprof::tools::send {
namespace {

// A part of a file's name: letters, digits and a few signs.
std::string NamePart(const std::string& text, const char* otherwise) {
  constexpr size_t kLongest = 64;
  std::string part = text.substr(0, kLongest);
  for (char& c : part) {
    if (!isalnum(static_cast<unsigned char>(c)) && c != '-' && c != '_') c = '_';
  }
  return part.empty() ? otherwise : part;
}

std::string TimeText(int64_t time_ns) {
  const time_t seconds = time_ns / kSecond;
  tm parts{};
  char text[32] = "0";
  if (gmtime_r(&seconds, &parts) != nullptr) std::strftime(text, sizeof text, "%Y%m%dT%H%M%SZ", &parts);
  return text;
}

class DirTarget : public Target {
 public:
  explicit DirTarget(std::string folder) : folder_(std::move(folder)) {}

  std::string name() const override { return "dir:" + folder_; }
  // The file of an item is always the same one.
  bool is_idempotent() const override { return true; }

  std::vector<Item> Prepare(Item item) const override {
    std::vector<std::string> comments;
    for (const ItemLabel& label : item.labels) comments.push_back("label." + label.name + ": " + label.value);
    if (item.delta) comments.push_back("delta: 1");
    AppendComments(comments, &item.bytes);
    if (!IsGzip(item.bytes)) item.bytes = Gzipped(item.bytes);
    return {std::move(item)};
  }

  Outcome Send(const Item& item) override try {
    mkdir(folder_.c_str(), 0777);  // mostly there
    const std::string path = folder_ + "/" + NamePart(LabelValue(item, "service"), "unknown") + "." +
                             TimeText(item.start_ns) + "." + NamePart(item.id, "0") + "." +
                             NamePart(item.kind, "heap") + ".pb.gz";
    OutputFile file(path);
    file.Write(item.bytes);
    file.Commit();
    return {};
  } catch (const Failure& failure) {
    return {Outcome::Kind::kRetry, -1, failure.what()};
  }

 private:
  std::string folder_;
};

}  // namespace

std::unique_ptr<Target> MakeDirTarget(const std::string& folder) {
  if (folder.empty()) throw Failure("dir: names no folder");
  struct stat status {};
  if (stat(folder.c_str(), &status) == 0 ? !S_ISDIR(status.st_mode) : errno == ENOTDIR) {
    throw Failure("dir:" + Printable(folder) + " is not a folder: give the path of one");
  }
  return std::make_unique<DirTarget>(folder);
}

}  // namespace heapprof::tools::send
