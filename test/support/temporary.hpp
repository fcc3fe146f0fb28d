#pragma once

#include <atomic>
#include <filesystem>
#include <string>
#include <unistd.h>

namespace oocrpc::test {

/// A path for a Unix socket that nobody else uses; what is there goes with it.
struct temporary_path {
    temporary_path() {
        static std::atomic<int> count = 0;
        path = (std::filesystem::temp_directory_path() /
                ("oocrpc-" + std::to_string(::getpid()) + "-" + std::to_string(++count)))
                   .string();
    }
    ~temporary_path() {
        std::error_code ignored;
        std::filesystem::remove(path, ignored);
    }
    temporary_path(const temporary_path&) = delete;
    std::string url() const { return "oocrpc+unix://" + path; }

    std::string path;
};

} // namespace oocrpc::test
