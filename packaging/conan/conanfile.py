# SPDX-License-Identifier: Apache-2.0
"""heapprof for Conan 2: the tarball of a release, as conandata.yml beside this file names it.

NOT TESTED: Conan is in no release of Debian, and was not to be had where this was written. The sources are not built here, as
they take a position independent archive of jemalloc (Debian's libjemalloc_pic.a), which Conan has not.
"""
import os

from conan import ConanFile
from conan.errors import ConanInvalidConfiguration
from conan.tools.files import copy, get


class Heapprof(ConanFile):
    name = "heapprof"
    license = "Apache-2.0"
    description = "malloc with a heap profiler in it"
    topics = ("malloc", "heap", "profiler", "pprof")
    settings = "os", "arch"
    package_type = "shared-library"
    options = {"static": [True, False]}
    default_options = {"static": False}

    def validate(self):
        if self.settings.os != "Linux" or str(self.settings.arch) not in self.conan_data["sources"][self.version]:
            raise ConanInvalidConfiguration("heapprof is there for Linux on " + ", ".join(self.conan_data["sources"][self.version]))

    def build(self):
        get(self, **self.conan_data["sources"][self.version][str(self.settings.arch)], strip_root=True)

    def package(self):
        for folder in ("bin", "include", "lib", "share"):
            copy(self, "*", os.path.join(self.build_folder, folder), os.path.join(self.package_folder, folder))
        for name in ("LICENSE", "NOTICE"):
            copy(self, name, self.build_folder, os.path.join(self.package_folder, "licenses"))

    def package_info(self):
        self.cpp_info.set_property("cmake_file_name", "heapprof")
        self.cpp_info.set_property("pkg_config_name", "heapprof")
        lib = os.path.join(self.package_folder, "lib")
        if self.options.static:
            self.cpp_info.set_property("cmake_target_name", "heapprof::heapprof_static")
            flags = ["-Wl,--whole-archive", os.path.join(lib, "libheapprof.a"), "-Wl,--no-whole-archive", "-Wl,--eh-frame-hdr"]
            self.cpp_info.system_libs = ["stdc++", "m"]
        else:
            self.cpp_info.set_property("cmake_target_name", "heapprof::heapprof")
            # Linkers that run with --as-needed drop a library whose functions no object names.
            flags = ["-L" + lib, "-Wl,--push-state,--no-as-needed", "-lheapprof", "-Wl,--pop-state"]
        self.cpp_info.sharedlinkflags = self.cpp_info.exelinkflags = flags
        self.runenv_info.append_path("LD_LIBRARY_PATH", lib)
        self.runenv_info.append_path("PATH", os.path.join(self.package_folder, "bin"))
