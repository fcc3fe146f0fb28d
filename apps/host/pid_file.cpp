#include "pid_file.hpp"

#include <array>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <utility>

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "exit.hpp"

namespace host {
namespace {

void close_if_open(int& fd) noexcept {
    if (fd >= 0) ::close(std::exchange(fd, -1));
}

/// The digits at the beginning of the file.
std::string number_in(int file) {
    std::array<char, 32> text{};
    const auto n = ::pread(file, text.data(), text.size(), 0);
    const std::string all(text.data(), n > 0 ? static_cast<std::size_t>(n) : 0);
    return all.substr(0, all.find_first_not_of("0123456789"));
}

} // namespace

pid_file::pid_file(const std::string& path) : path_(path) {
    const auto where = std::filesystem::path(path);
    name_ = where.filename().string();
    const auto parent = where.has_parent_path() ? where.parent_path().string() : ".";
    directory_ = ::open(parent.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (directory_ < 0) fail(errno);
    try {
        while (!take()) close_if_open(file_);
        write_number();
    } catch (...) {
        close_if_open(file_);
        close_if_open(directory_);
        throw;
    }
    owner_ = ::getpid();
}

pid_file::~pid_file() {
    remove();
    close_if_open(file_);
    close_if_open(directory_);
}

/// False where who held it removed it between our opening and our locking it, and where it was
/// somebody else's, who could write another number into it.
bool pid_file::take() {
    file_ = ::openat(directory_, name_.c_str(),
                     O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY, 0644);
    if (file_ < 0) fail(errno);
    struct stat opened{};
    if (::fstat(file_, &opened) != 0) fail(errno);
    if (!S_ISREG(opened.st_mode)) fail(EINVAL);
    if (::flock(file_, LOCK_EX | LOCK_NB) != 0) {
        if (errno != EWOULDBLOCK) fail(errno);
        refuse();
    }
    if (!is_ours()) return false;
    if (opened.st_uid == ::geteuid() || opened.st_uid == 0) return true;
    if (::unlinkat(directory_, name_.c_str(), 0) != 0) fail(errno);
    return false;
}

bool pid_file::is_ours() const noexcept {
    struct stat opened{};
    struct stat named{};
    return ::fstat(file_, &opened) == 0 &&
           ::fstatat(directory_, name_.c_str(), &named, AT_SYMLINK_NOFOLLOW) == 0 &&
           opened.st_dev == named.st_dev && opened.st_ino == named.st_ino;
}

void pid_file::write_number() {
    const auto text = std::to_string(::getpid()) + "\n";
    if (::ftruncate(file_, 0) != 0) fail(errno);
    const auto n = ::pwrite(file_, text.data(), text.size(), 0);
    if (n != static_cast<ssize_t>(text.size())) fail(n < 0 ? errno : ENOSPC);
}

/// False with errno where it is still there, or the directory may not even be looked into.
bool pid_file::remove_ours() const noexcept {
    if (is_ours()) return ::unlinkat(directory_, name_.c_str(), 0) == 0;
    struct stat named{};
    return ::fstatat(directory_, name_.c_str(), &named, AT_SYMLINK_NOFOLLOW) == 0 ||
           errno == ENOENT;
}

std::error_code pid_file::remove() noexcept {
    if (file_ < 0 || owner_ != ::getpid()) return {};
    std::error_code failed;
    if (!remove_ours()) {
        failed.assign(errno, std::system_category());
        if (::ftruncate(file_, 0) != 0) failed.assign(errno, std::system_category());
    }
    close_if_open(file_);
    return failed;
}

void pid_file::fail(int why) const {
    throw failure(bad_configuration,
                  "cannot write the pid file '" + path_ + "': " + std::strerror(why));
}

void pid_file::refuse() const {
    const auto number = number_in(file_);
    throw failure(unavailable,
                  "already running: " + (number.empty() ? "a process" : "process " + number) +
                      " holds the pid file '" + path_ + "'");
}

} // namespace host
