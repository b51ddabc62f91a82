// SPDX-License-Identifier: Apache-2.0
#include "tools/profile/sum.h"

#include <map>

#include "tools/base/failure.h"
#include "tools/base/human.h"
#include "tools/base/progress.h"
#include "tools/profile/drop_frames.h"
#include "tools/profile/input_files.h"
#include "tools/profile/merge.h"
#include "tools/profile/profile_writer.h"
#include "tools/profile/survey.h"

namespace heapprof::tools {
namespace {

class Summer {
 public:
  Summer(const std::vector<std::string>& files, const LoadOptions& load)
      : files_(files), load_(load), survey_(SurveyFiles(files, load)) {
    survey_.type = load.type;
    if (files.size() > kNamedOneByOne) {
      load_.prepare = nullptr;
      load_.apply_drop_frames = false;
    }
  }

  Profile Sum() {
    for (size_t i = 0; i < files_.size(); ++i) {
      if (!survey_.facts[i].readable) LeaveOut(i, survey_.reasons[i]);
    }
    if (!survey_.kinds.empty()) AddAll();
    if (merger_.files() == 0) throw Failure("none of " + Counted(files_.size(), "file") + " can be read");
    return merger_.Finish();
  }

 private:
  void LeaveOut(size_t file, const std::string& why) { TellOfUnusable(Printable(files_[file]) + ": " + why); }
  void AddAll();
  bool Add(size_t file, bool with_in_use);
  void TellOfDuplicates(const Selection& selection) const;

  const std::vector<std::string>& files_;
  LoadOptions load_;
  Survey survey_;
  Merger merger_;
};

std::string AndMore(size_t count) { return count == 1 ? "" : " and " + Counted(count - 1, "more file"); }

void ClearInUse(Profile* profile) {
  for (size_t type = 0; type < profile->type_count(); ++type) {
    if (profile->type_name(type).substr(0, 6) != "inuse_") continue;
    for (size_t i = 0; i < profile->samples.size(); ++i)
      profile->values[i * profile->type_count() + type] = 0;
  }
}

// False: it was left out.
bool Summer::Add(size_t file, bool with_in_use) try {
  const auto loaded = survey_.loaded.find(file);
  Profile profile;
  if (loaded == survey_.loaded.end()) {
    profile = LoadProfile(files_[file], load_);
  } else {
    profile = std::move(loaded->second);
    survey_.loaded.erase(loaded);
    PrepareProfile(&profile, load_);
  }
  if (!with_in_use) ClearInUse(&profile);
  merger_.Add(profile);
  return true;
} catch (const Failure& failure) {
  LeaveOut(file, failure.what());
  return false;
}

void Summer::AddAll() {
  const Selection selection = SelectFiles(survey_, load_.keep_duplicates);
  const ProfileKind& sum = survey_.kinds[survey_.CommonKind()];
  // A line for each kind: an agent's folder has thousands of files of each.
  std::map<uint32_t, std::vector<size_t>> others;
  for (const size_t file : selection.other_kinds) others[survey_.facts[file].kind].push_back(file);
  for (const auto& [kind, files] : others) {
    const ProfileKind& its = survey_.kinds[kind];
    const std::string have = files.size() == 1 ? ": has the " : ": have the ";
    TellOfUnusable(Printable(files_[files.front()]) + AndMore(files.size()) + have +
                   (its.types != sum.types ? "sample types " + its.types + ", the sum " + sum.types
                                           : "period " + its.period + ", the sum " + sum.period));
  }
  TellOfDuplicates(selection);
  Progress progress("adding up", selection.groups.size());
  for (const std::vector<size_t>& group : selection.groups) {
    for (const size_t file : group) {
      if (Add(file, selection.without_in_use.count(file) == 0)) break;
    }
    progress.Step();
  }
}

void Summer::TellOfDuplicates(const Selection& selection) const {
  const auto tell = [&](size_t first, size_t count, const std::string& what) {
    Tell(Printable(files_[first]) + AndMore(count) + ": not added, as " + (count == 1 ? "it" : "each") +
         what + "; --keep-duplicates adds all up");
  };
  size_t earlier = 0, first = 0;
  for (const std::vector<size_t>& group : selection.groups) {
    if (group.size() > 1 && earlier == 0) first = group[1];
    earlier += group.size() - 1;
  }
  if (earlier != 0) tell(first, earlier, " is an earlier dump of a process that has a later one here");
  if (!selection.without_in_use.empty() && survey_.kinds[survey_.CommonKind()].HasType("inuse_")) {
    Tell(Printable(files_[*selection.without_in_use.begin()]) + AndMore(selection.without_in_use.size()) +
         ": what is in use is not added, as a later file of the process has it; --keep-duplicates adds all "
         "up");
  }
  if (!selection.same.empty()) {
    tell(selection.same.front(), selection.same.size(), " is here twice, by this name or another");
  }
}

}  // namespace

NamedProfileSum LoadSum(const std::vector<std::string>& words, const LoadOptions& load) {
  const std::vector<std::string> files = InputFiles(words);
  if (files.size() == 1) return {files.front(), LoadNamedProfile(files.front(), load)};
  NamedProfileSum sum;
  sum.name = words.size() == 1 ? words.front() + " (" + std::to_string(files.size()) + " files)"
                               : files.front() + " and " + std::to_string(files.size() - 1) + " more";
  sum.profile = Summer(files, load).Sum();
  if (files.size() > kNamedOneByOne) PrepareProfile(&sum.profile, load);
  return sum;
}

void Merge(const MergeRequest& request) {
  LoadOptions load = request.load;
  load.apply_drop_frames = false;  // readers of the sum drop them
  const std::vector<std::string> files = InputFiles(request.files);
  Profile sum = Summer(files, load).Sum();
  if (files.size() > kNamedOneByOne) PrepareProfile(&sum, load);
  WriteProfile(sum, request.out);
}

}  // namespace heapprof::tools
