# SPDX-License-Identifier: Apache-2.0
"""What Pyroscope, Parca and the collector's pprof receiver take, and what they answer to the rest.

Each function gets the request's target, headers and body, and returns the profile with the labels of its series;
it raises Refused with the status that the engine answers.
"""

import base64
import json
import re
import time
import urllib.parse

from profile_reader import Malformed, Profile, inflate

NAME = re.compile(r"^[a-zA-Z_][a-zA-Z0-9_]*$")


class Refused(Exception):
    def __init__(self, status, why):
        super().__init__(why)
        self.status = status


def read_profile(data, status=400):
    try:
        profile = Profile(inflate(data))
        profile.check()
    except Malformed as error:
        raise Refused(status, str(error)) from error
    return profile


def multipart(headers, body):
    """{name: content} of a form."""
    kind = headers.get("Content-Type", "")
    match = re.match(r"multipart/form-data; *boundary=(\S+)$", kind)
    if not match:
        raise Refused(400, f"Content-Type {kind!r} is no form")
    mark = b"--" + match.group(1).encode()
    parts = body.split(mark)
    if parts[0] != b"" or parts[-1].strip() != b"--":
        raise Refused(400, "the form is cut off")
    found = {}
    for part in parts[1:-1]:
        head, _, content = part[2:].partition(b"\r\n\r\n")
        name = re.search(rb'name="([^"]+)"', head)
        if not name or not content.endswith(b"\r\n"):
            raise Refused(400, "a part of the form is damaged")
        found[name.group(1).decode()] = content[:-2]
    return found


def label_set(text):
    """Pyroscope's app{name=value,...}."""
    service, brace, rest = text.partition("{")
    service = service.strip()
    if not service or re.search(r"[^a-zA-Z0-9_./-]", service):
        raise Refused(400, f"invalid service name: {service!r}")
    labels = {}
    key = value = None
    state, word = "key", ""
    for c in rest if brace else "":
        if state == "key" and c == "=":
            key, state, word = word.strip(), "value", ""
        elif state == "key" and c == "}":
            state = "done"
        elif state == "value" and c in ",}":
            value, state = word.strip(), "key"
            if not key or re.search(r"[^a-zA-Z0-9_.]", key) or key == "__name__":
                raise Refused(400, f"invalid label name: {key!r}")
            labels[key] = value
            word = ""
        else:
            word += c
    return service, labels


def pyroscope(target, headers, body):
    url = urllib.parse.urlsplit(target)
    if url.path != "/ingest":
        raise Refused(404, "not found")
    query = urllib.parse.parse_qs(url.query, keep_blank_values=True)
    service, labels = label_set(query["name"][0])
    for key in ("from", "until"):
        if not re.fullmatch(r"\d{19}", query[key][0]):
            raise Refused(400, f"{key} is no time in nanoseconds")
    form = multipart(headers, body)
    if "prev_profile" in form:
        raise Refused(422, "unsupported client version")
    json.loads(form["sample_type_config"])
    profile = read_profile(form["profile"])
    if profile.size > 4 << 20:
        raise Refused(400, f"exceeds the size limit ({profile.size})")
    if len(profile.samples) > 16000:
        raise Refused(400, f"exceeds the samples count limit ({len(profile.samples)})")
    now = time.time()
    if profile.time and not now - 3600 < profile.time / 1e9 < now + 600:
        raise Refused(400, "outside of ingestion window")
    if any("-" in name for name in profile.type_names()):
        raise Refused(400, "sample type contains -")
    sets = {tuple(sorted({(profile.text(label[1]), profile.text(label[2])) for label in sample_labels if label.get(2)}))
            for _, _, sample_labels in profile.samples} or {()}
    for sample_labels in sets:
        series = {"__name__": "x", "__delta__": "false", "pyroscope_spy": "x", "service_name": service}
        series.update((key, value) for key, value in labels.items() if not key.startswith("__"))
        for key, value in sample_labels:
            series.setdefault(key, value)
        if len(series) > 30:
            raise Refused(400, f"{len(series)} label names; limit 30")
        for key, value in series.items():
            if len(key) > 1024 or len(value.encode()) > 2048:
                raise Refused(400, "label is too long")
            if not NAME.match(key.replace(".", "_")):
                raise Refused(400, f"invalid label name {key!r}")
    if any(len(sample_labels) > 100 for _, _, sample_labels in profile.samples):
        raise Refused(400, "exceeds the sample labels limit")
    return profile, dict(labels, service_name=service), 200


def parca(target, headers, body):
    if target != "/api/profiles/writeraw":
        raise Refused(404, "not found")
    if headers.get("Content-Type") != "application/json":
        raise Refused(415, "no JSON")
    try:
        request = json.loads(body.decode("utf-8"))
    except ValueError as error:
        raise Refused(400, str(error)) from error
    [series] = request["series"]
    labels = {}
    for label in series["labels"]["labels"]:
        name, value = label["name"], label["value"]
        if not NAME.match(name):
            raise Refused(400, f"invalid label name: {name}")
        if name in labels:
            raise Refused(400, f"duplicate label name: {name}")
        labels[name] = value
    if not labels.get("__name__"):
        raise Refused(400, "missing __name__ label")
    [sample] = series["samples"]
    profile = read_profile(base64.b64decode(sample["rawProfile"], validate=True))
    if len(sample.get("executableInfo", profile.mappings)) != len(profile.mappings):
        raise Refused(400, "profile has other mappings than executable infos")
    if (profile.duration > 0) and any(name.startswith("inuse_") for name in profile.type_names()):
        raise Refused(400, "what is in use has no duration")
    return profile, labels, 200


def collector(target, _headers, body):
    if target != "/v1/pprof":
        raise Refused(404, "not found")
    if len(body) > 20 << 20:
        raise Refused(400, "request body too large")
    profile = read_profile(body)
    labels = {}
    for _, _, sample_labels in profile.samples[:1]:
        labels = {profile.text(label[1]): profile.text(label.get(2, 0)) for label in sample_labels if label.get(2)}
    return profile, labels, 204


ENGINES = {"pyroscope": pyroscope, "parca": parca, "otlp": collector}
