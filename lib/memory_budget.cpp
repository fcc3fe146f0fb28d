#include <oocrpc/memory_budget.hpp>

#include <algorithm>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <string>

#include <sys/resource.h>
#include <unistd.h>

namespace oocrpc {
namespace {

namespace fs = std::filesystem;

/// A file without a number, as one that says "max", limits nothing.
std::size_t number_in(const fs::path& file) {
    std::size_t n = 0;
    return std::ifstream(file) >> n ? n : SIZE_MAX;
}

/// The group of this process below where the hierarchy is mounted, as `/system.slice/x.service`.
std::string control_group() {
    std::ifstream groups("/proc/self/cgroup");
    for (std::string line; std::getline(groups, line);)
        if (line.starts_with("0::/")) return line.substr(4);
    return {};
}

std::size_t of_control_groups() {
    const fs::path root = "/sys/fs/cgroup";
    auto least = number_in(root / "memory.max"); // within a container
    for (auto at = root / control_group(); at.has_relative_path() && at != root;
         at = at.parent_path())
        least = std::min(least, number_in(at / "memory.max"));
    return least;
}

std::size_t of_address_space() {
    rlimit most{};
    if (::getrlimit(RLIMIT_AS, &most) != 0 || most.rlim_cur == RLIM_INFINITY) return SIZE_MAX;
    return static_cast<std::size_t>(most.rlim_cur);
}

std::size_t of_machine() {
    const auto pages = ::sysconf(_SC_PHYS_PAGES), size = ::sysconf(_SC_PAGESIZE);
    if (pages <= 0 || size <= 0) return SIZE_MAX;
    return static_cast<std::size_t>(pages) * static_cast<std::size_t>(size);
}

} // namespace

std::size_t memory_budget::of_process() {
    return std::min({of_control_groups(), of_address_space(), of_machine()});
}

} // namespace oocrpc
