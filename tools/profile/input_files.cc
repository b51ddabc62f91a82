// SPDX-License-Identifier: Apache-2.0
#include "tools/profile/input_files.h"

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <filesystem>
#include <memory>
#include <string_view>
#include <system_error>

#include "tools/base/failure.h"

namespace heapprof::tools {
namespace {

namespace fs = std::filesystem;

bool LooksLikeProfile(const std::string& name) {
  for (const std::string_view ending : {".pb.gz", ".pb", ".pprof", ".prof", ".heap"}) {
    if (name.size() > ending.size() &&
        name.compare(name.size() - ending.size(), ending.size(), ending) == 0) {
      return true;
    }
  }
  return false;
}

void AddFolder(const std::string& folder, std::vector<std::string>* files) {
  std::error_code error;
  const size_t before = files->size();
  fs::recursive_directory_iterator at(folder, fs::directory_options::skip_permission_denied, error);
  for (const fs::recursive_directory_iterator end; !error && at != end; at.increment(error)) {
    const std::string name = at->path().filename().string();
    std::error_code unknown;  // of a file that has gone meanwhile
    if (name[0] == '.') {
      if (at->is_directory(unknown)) at.disable_recursion_pending();
    } else if (LooksLikeProfile(name) && at->is_regular_file(unknown)) {
      files->push_back(at->path().string());
    }
  }
  if (error) throw Failure(Printable(folder) + ": " + error.message());
  if (files->size() == before) {
    throw Failure(Printable(folder) +
                  ": no profile is below this folder (*.pb.gz, *.pb, *.pprof, *.prof, *.heap)");
  }
  std::sort(files->begin() + static_cast<ptrdiff_t>(before), files->end());
}

void AddFile(const std::string& word, std::vector<std::string>* files) {
  std::error_code error;
  if (word != "-" && fs::is_directory(word, error)) {
    AddFolder(word, files);
  } else {
    files->push_back(word);
  }
}

std::string ReadList(const std::string& name) {
  constexpr size_t kPiece = 1 << 16, kMaxList = 1 << 30;
  const auto close = [](FILE* file) {
    if (file != stdin) std::fclose(file);
  };
  const std::unique_ptr<FILE, decltype(close)> file(name == "-" ? stdin : std::fopen(name.c_str(), "re"),
                                                    close);
  if (file == nullptr) throw Failure("@" + Printable(name) + ": " + ErrorText(errno));
  std::string text;
  for (size_t got = 1; got != 0;) {
    const size_t had = text.size();
    text.resize(had + kPiece);
    got = std::fread(text.data() + had, 1, kPiece, file.get());
    text.resize(had + got);
    if (text.size() > kMaxList)
      throw Failure("@" + Printable(name) + ": is no list of files: it is too long");
  }
  if (std::ferror(file.get()) != 0) throw Failure("@" + Printable(name) + ": " + ErrorText(errno));
  return text;
}

void AddList(const std::string& name, std::vector<std::string>* files) {
  const std::string text = ReadList(name);
  const char end = text.find('\0') != std::string::npos ? '\0' : '\n';
  const size_t before = files->size();
  for (size_t at = 0; at < text.size();) {
    const size_t next = std::min(text.find(end, at), text.size());
    std::string file = text.substr(at, next - at);
    if (end == '\n' && !file.empty() && file.back() == '\r') file.pop_back();
    if (!file.empty()) AddFile(file, files);
    at = next + 1;
  }
  if (files->size() == before) throw Failure("@" + Printable(name) + ": the list names no file");
}

}  // namespace

std::vector<std::string> InputFiles(const std::vector<std::string>& words) {
  std::vector<std::string> files;
  for (const std::string& word : words) {
    if (word.size() > 1 && word[0] == '@') {
      AddList(word.substr(1), &files);
    } else {
      AddFile(word, &files);
    }
  }
  return files;
}

}  // namespace heapprof::tools
