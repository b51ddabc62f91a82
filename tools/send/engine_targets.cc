// SPDX-License-Identifier: Apache-2.0
#include "tools/send/engine_targets.h"

#include <algorithm>
#include <array>
#include <set>

#include "tools/base/failure.h"
#include "tools/base/human.h"
#include "tools/send/clock.h"
#include "tools/send/http_target.h"
#include "tools/send/rules/names.h"
#include "tools/send/rules/rename.h"

namespace heapprof::tools::send {
namespace {

constexpr int kPyroscopePort = 4040, kParcaPort = 7070;
constexpr uint64_t kMiB = uint64_t{1} << 20;

bool IsOneOf(const std::string& word, std::initializer_list<const char*> words) {
  return std::any_of(words.begin(), words.end(), [&](const char* other) { return word == other; });
}

// The label `service` is the engine's `service_name`, or the application's.
std::string ServiceOf(const Item& item) {
  for (const char* name : {"service", "service_name", "service.name"}) {
    std::string value = LabelValue(item, name);
    if (!value.empty()) return value;
  }
  return "unknown";
}

bool IsService(const std::string& name) { return IsOneOf(name, {"service", "service_name", "service.name"}); }

// The item's labels with names and values that both engines take, the service apart.
std::vector<ItemLabel> SeriesLabels(const Item& item, size_t most) {
  constexpr size_t kMaxValue = 2048;
  std::vector<ItemLabel> labels;
  UniqueNames names;
  names.Add("service_name");
  names.Add("part");
  for (const ItemLabel& label : item.labels) {
    const std::string value = LabelText(label.value, kMaxValue);
    if (IsService(label.name) || value.empty() || labels.size() == most) continue;
    labels.push_back({names.Add(LabelName(label.name)), value});
  }
  return labels;
}

std::set<std::string> NamesOf(const std::vector<ItemLabel>& labels) {
  std::set<std::string> names = {"service_name", "part"};
  for (const ItemLabel& label : labels) names.insert(label.name);
  return names;
}

bool HasValues(const Profile& profile) {
  return std::any_of(profile.values.begin(), profile.values.end(), [](int64_t value) { return value != 0; });
}

std::string Base64(std::string_view bytes) {
  constexpr char kDigits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string out;
  out.reserve(bytes.size() / 3 * 4 + 4);
  for (size_t i = 0; i < bytes.size(); i += 3) {
    const size_t count = std::min<size_t>(3, bytes.size() - i);
    uint32_t bits = 0;
    for (size_t j = 0; j < 3; ++j) {
      bits = bits << 8 | (j < count ? static_cast<unsigned char>(bytes[i + j]) : 0);
    }
    for (size_t j = 0; j < 4; ++j) out += j <= count ? kDigits[bits >> (18 - 6 * j) & 63] : '=';
  }
  return out;
}

class PyroscopeTarget : public HttpTarget {
 public:
  PyroscopeTarget(const net::Url& url, const TargetOptions& options)
      : HttpTarget(url, options, kPyroscopePort) {}

  // It takes an hour, and ten minutes; a minute is for the way and for clocks that differ.
  int64_t max_age_ns() const override { return 59 * 60 * kSecond; }
  int64_t max_ahead_ns() const override { return 9 * 60 * kSecond; }

  std::vector<Item> Prepare(Item item) const override {
    Profile profile = LoadItem(&item);
    // The heap's types at another moment would be added to the heap's.
    const bool is_peak = item.kind == "peak";
    RenameTypes(&profile, [&](std::string_view type) {
      const std::string name(type);
      return is_peak && name.rfind("inuse_", 0) == 0 ? "peak_" + name.substr(6) : name;
    });
    // It takes 30 labels of a series, of which four are its own and one may tell the part; those of samples
    // are labels of series there.
    constexpr size_t kMaxLabels = 25, kMaxSampleKeys = 10;
    const size_t sample_keys = std::min(CountLabelKeys(profile), kMaxSampleKeys);
    item.labels = Labels(item, kMaxLabels - sample_keys);
    SampleLabelRules rules;
    rules.taken = NamesOf(item.labels);
    rules.max_keys = kMaxSampleKeys;
    rules.max_bytes = 2048;
    RenameLabels(&profile, rules);
    item.note = TypeConfig(item, profile);
    FitLimits limits;
    limits.max_bytes = 4 * kMiB;
    limits.max_samples = 16'000;
    limits.max_depth = 1000;
    return PiecesOf(item, profile, limits);
  }

  Outcome Send(const Item& item) override {
    const std::string boundary = "heapprof-" + item.id;
    std::string body;
    const auto part = [&](const char* name, const char* type, std::string_view content) {
      body += "--" + boundary + "\r\nContent-Disposition: form-data; name=\"" + name + "\"; filename=\"" +
              name + "\"\r\nContent-Type: " + type + "\r\n\r\n";
      body += content;
      body += "\r\n";
    };
    part("profile", "application/octet-stream", item.bytes);
    part("sample_type_config", "application/json", item.note);
    body += "--" + boundary + "--\r\n";
    std::string name;
    for (const ItemLabel& label : item.labels) {
      if (label.name == "service_name") continue;
      name += (name.empty() ? "" : ",") + label.name + "=" + label.value;
    }
    name = LabelValue(item, "service_name") + "{" + name + "}";
    return Post("/ingest?name=" + net::UrlEncoded(name) + "&from=" + std::to_string(item.start_ns) +
                    "&until=" + std::to_string(item.start_ns + item.duration_ns) + "&spyName=heapprof",
                {{"Content-Type", "multipart/form-data; boundary=" + boundary}}, body);
  }

 private:
  // The service first, in the letters that the name of an application may have; values without the signs that
  // end them.
  static std::vector<ItemLabel> Labels(const Item& item, size_t most) {
    std::string service = ServiceOf(item);
    for (char& c : service) {
      if (!isalnum(static_cast<unsigned char>(c)) && !IsOneOf(std::string(1, c), {"_", "-", ".", "/"}))
        c = '_';
    }
    std::vector<ItemLabel> labels = SeriesLabels(item, most);
    for (ItemLabel& label : labels) {
      for (char& c : label.value) c = c == ',' ? ';' : c == '}' ? ')' : c == '{' ? '(' : c;
    }
    labels.insert(labels.begin(), {"service_name", service});
    return labels;
  }

  // Which of its profile types each is: it goes by words in the names.
  static std::string TypeConfig(const Item& item, const Profile& profile) {
    const bool is_memory = IsOneOf(item.kind, {"heap", "allocs", "peak", "growth", "memory", "lifetimes"});
    const bool is_wait = IsOneOf(item.kind, {"block", "mutex"});
    const bool is_gauge = IsOneOf(item.kind, {"peak", "growth", "memory", "lifetimes", "threads"});
    std::string json = "{";
    for (size_t i = 0; i < profile.type_count(); ++i) {
      const std::string type(profile.type_name(i)), unit(profile.unit_name(i));
      const bool has_word =
          type.find("inuse_") != std::string::npos || type.find("alloc_") != std::string::npos;
      const bool has_word_of_gauge = type.find("inuse_") != std::string::npos;
      std::string shown = type;
      if (is_memory && !has_word) shown = "inuse_" + type;
      if (is_wait) shown = item.kind + "_" + (unit == "count" ? "count" : "duration");
      if (item.kind == "threads") shown = "goroutines";
      if (item.kind == "cpu" && type == "samples") shown = "cpu";
      json += (i == 0 ? "" : ",") + JsonString(type) + ":{\"units\":" + JsonString(unit) +
              ",\"display-name\":" + JsonString(shown) + ",\"aggregation\":\"" +
              (is_gauge || has_word_of_gauge ? "average" : "sum") + "\",\"cumulative\":false}";
    }
    return json + "}";
  }
};

class ParcaTarget : public HttpTarget {
 public:
  ParcaTarget(const net::Url& url, const TargetOptions& options)
      : HttpTarget(WithPath(url), options, kParcaPort) {}

  std::vector<Item> Prepare(Item item) const override {
    Profile profile = LoadItem(&item);
    // It knows by the duration whether values are of that time alone, which those of the heap in use never
    // are.
    const auto is_in_use = [](std::string_view type) { return type.rfind("inuse_", 0) == 0; };
    Profile in_use = profile;
    if (!item.delta || !KeepTypes(&in_use, is_in_use))
      return PiecesOfTypes(item, std::move(profile), item.delta);
    Item moment = item;
    moment.duration_ns = 0;
    std::vector<Item> pieces = PiecesOfTypes(std::move(moment), std::move(in_use), false);
    if (KeepTypes(&profile, [&](std::string_view type) { return !is_in_use(type); }) && HasValues(profile)) {
      item.id += "-d";
      for (Item& piece : PiecesOfTypes(std::move(item), std::move(profile), true)) {
        pieces.push_back(std::move(piece));
      }
    }
    return pieces;
  }

  Outcome Send(const Item& item) override {
    std::string labels;
    for (const ItemLabel& label : item.labels) {
      labels += (labels.empty() ? "" : ",") + ("{\"name\":" + JsonString(label.name)) +
                ",\"value\":" + JsonString(label.value) + "}";
    }
    const std::string body = "{\"series\":[{\"labels\":{\"labels\":[" + labels +
                             "]},\"samples\":[{\"rawProfile\":\"" + Base64(item.bytes) + "\"" + item.note +
                             "}]}]}";
    return Post("/profiles/writeraw", {{"Content-Type", "application/json"}}, body);
  }

 private:
  static net::Url WithPath(net::Url url) {
    if (url.path.empty()) url.path = "/api";
    return url;
  }

  static std::vector<Item> PiecesOfTypes(Item item, Profile profile, bool delta) {
    RenameTypes(&profile);
    profile.header.duration_nanos = delta ? std::max<int64_t>(item.duration_ns, 1) : 0;
    constexpr size_t kMaxLabels = 60;
    const std::string service = LabelText(ServiceOf(item), 2048);
    item.labels = SeriesLabels(item, kMaxLabels);
    item.labels.insert(item.labels.begin(), {{"__name__", NameOf(item.kind)}, {"service_name", service}});
    SampleLabelRules rules;
    rules.taken = NamesOf(item.labels);
    RenameLabels(&profile, rules);
    item.note = ExecutableInfo(profile);
    FitLimits limits;
    limits.max_bytes = 32 * kMiB;  // of 64 MiB for a request, in base64
    return PiecesOf(item, profile, limits);
  }

  // By the names that Parca's own scrapes have.
  static std::string NameOf(const std::string& kind) {
    if (IsOneOf(kind, {"heap", "allocs"})) return "memory";
    if (kind == "cpu") return "process_cpu";
    if (IsOneOf(kind, {"peak", "growth", "lifetimes"})) return "memory_" + kind;
    if (kind == "memory") return "memory_resident";
    return TypeName(kind);
  }

  // Of comments "executableInfo=TYPE;OFFSET;VADDR", which Parca's scrapes read; here they are a field, for
  // all mappings or none.
  static std::string ExecutableInfo(const Profile& profile) {
    constexpr std::string_view kMark = "executableInfo=";
    std::string json;
    size_t count = 0;
    for (const int64_t comment : profile.header.comments) {
      const std::string text(profile.text(comment));
      if (text.rfind(kMark, 0) != 0) continue;
      std::array<unsigned long long, 3> numbers{};
      const char* at = text.c_str() + kMark.size();
      for (unsigned long long& number : numbers) {
        char* end = nullptr;
        number = strtoull(at, &end, 0);
        at = *end == ';' ? end + 1 : end;
      }
      json += (count++ == 0 ? "" : ",") + ("{\"elfType\":" + std::to_string(numbers[0])) +
              ",\"loadSegment\":{\"offset\":\"" + std::to_string(numbers[1]) + "\",\"vaddr\":\"" +
              std::to_string(numbers[2]) + "\"}}";
    }
    if (count == 0 || count != profile.mappings.size()) return "";
    return ",\"executableInfo\":[" + json + "]";
  }
};

class OtlpTarget : public HttpTarget {
 public:
  OtlpTarget(const net::Url& url, const TargetOptions& options) : HttpTarget(url, options, 0) {
    if (url.port == 0) {
      throw Failure(name() +
                    " names no port: the collector's receiver has none of its own (otlp://HOST:PORT)");
    }
  }

  std::vector<Item> Prepare(Item item) const override {
    Profile profile = LoadItem(&item);
    profile.header.duration_nanos = item.duration_ns;
    std::vector<std::pair<std::string, std::string>> labels;
    for (const ItemLabel& label : item.labels) {
      if (!label.value.empty()) labels.emplace_back(AttributeName(label.name), LabelText(label.value, 4096));
    }
    labels.emplace_back("profile.kind", LabelText(item.kind, 256));
    AddLabels(&profile, labels);
    FitLimits limits;
    limits.max_bytes = 16 * kMiB;  // of 20 for a request
    return PiecesOf(item, profile, limits);
  }

  Outcome Send(const Item& item) override {
    return Post("/v1/pprof", {{"Content-Type", "application/octet-stream"}}, item.bytes);
  }

 private:
  // OpenTelemetry's semantic conventions, where they have it.
  static std::string AttributeName(const std::string& name) {
    constexpr std::pair<const char*, const char*> kNames[] = {{"service", "service.name"},
                                                              {"service_name", "service.name"},
                                                              {"service_namespace", "service.namespace"},
                                                              {"instance", "service.instance.id"},
                                                              {"version", "service.version"},
                                                              {"environment", "deployment.environment.name"},
                                                              {"pid", "process.pid"},
                                                              {"exe", "process.executable.path"},
                                                              {"host", "host.name"},
                                                              {"container", "container.id"},
                                                              {"container_name", "k8s.container.name"},
                                                              {"pod", "k8s.pod.name"},
                                                              {"pod_uid", "k8s.pod.uid"},
                                                              {"namespace", "k8s.namespace.name"},
                                                              {"node", "k8s.node.name"}};
    for (const auto& [ours, theirs] : kNames) {
      if (name == ours) return theirs;
    }
    return WellFormed(name);
  }
};

}  // namespace

std::unique_ptr<Target> MakePyroscopeTarget(const net::Url& url, const TargetOptions& options) {
  return std::make_unique<PyroscopeTarget>(url, options);
}

std::unique_ptr<Target> MakeParcaTarget(const net::Url& url, const TargetOptions& options) {
  return std::make_unique<ParcaTarget>(url, options);
}

std::unique_ptr<Target> MakeOtlpTarget(const net::Url& url, const TargetOptions& options) {
  return std::make_unique<OtlpTarget>(url, options);
}

}  // namespace heapprof::tools::send
