#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <utility>

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "exit.hpp"
#include "user_file.hpp"

namespace host {
namespace {

std::string toml_string(std::string_view text) {
    std::string out = "\"";
    for (const char c : text) {
        char code[8] = {c};
        if ((c >= 0 && c < 0x20) || c == 0x7f)
            std::snprintf(code, sizeof code, "\\u%04X", static_cast<unsigned>(c));
        if (c == '"' || c == '\\') out += '\\';
        out += code;
    }
    return out + '"';
}

template <class Texts, class F> std::string list_of(const Texts& all, const F& text) {
    std::string out;
    for (const auto& one : all) out += (out.empty() ? "" : ", ") + toml_string(text(one));
    return "[" + out + "]";
}

std::string written(const oocrpc::user_store& users) {
    const auto as_it_is = [](const std::string& text) { return text; };
    std::string text = "# Who may log in, and what they may call. `oocrpcd user` writes this file, "
                       "and keeps no comments.\n"
                       "# From the secret unknown users are told salts: let nobody know it, and do "
                       "not change it.\n"
                       "secret = " +
                       toml_string(users.secret()) + "\n\n[roles]\n";
    for (const auto& [name, patterns] : users.roles())
        text += toml_string(name) + " = " + list_of(patterns, as_it_is) + '\n';
    for (const auto& [name, one] : users.users()) {
        text += "\n[users." + toml_string(name) + "]\nroles = " + list_of(one.roles, as_it_is) +
                "\ncredentials = [";
        for (const auto& c : one.credentials) text += "\n    " + toml_string(c.to_string()) + ',';
        text += one.credentials.empty() ? "]\n" : "\n]\n";
    }
    return text;
}

[[noreturn]] void fail(const std::string& path, int why) {
    throw failure(bad_configuration, "cannot write '" + path + "': " + std::strerror(why));
}

std::string directory_of(const std::string& path) {
    const std::filesystem::path where(path);
    return where.has_parent_path() ? where.parent_path().string() : ".";
}

/// A file beside another, which it replaces, or goes.
class replacement {
  public:
    explicit replacement(std::string path)
        : path_(std::move(path)),
          name_(path_ + ".XXXXXX"),
          file_(::mkostemp(name_.data(), O_CLOEXEC)) {
        if (file_ < 0) fail(path_, errno);
    }
    ~replacement() {
        if (file_ < 0) return;
        ::close(file_);
        ::unlink(name_.c_str());
    }
    replacement(const replacement&) = delete;

    /// Owner and mode of what it replaces; where the owner cannot be had, nobody but us can read
    /// it.
    void take_owner() {
        struct stat old{};
        if (::stat(path_.c_str(), &old) != 0) return;
        if (::fchown(file_, old.st_uid, old.st_gid) == 0)
            require(::fchmod(file_, old.st_mode & 0640) == 0);
    }
    void write(std::string_view text) {
        while (!text.empty()) {
            const auto n = ::write(file_, text.data(), text.size());
            require(n > 0 || (n < 0 && errno == EINTR));
            text.remove_prefix(n > 0 ? static_cast<std::size_t>(n) : 0);
        }
    }
    void replace() {
        require(::fsync(file_) == 0);
        require(::rename(name_.c_str(), path_.c_str()) == 0);
        ::close(std::exchange(file_, -1));
        const int directory =
            ::open(directory_of(path_).c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (directory < 0) return; // it is replaced, if not yet for good
        ::fsync(directory);
        ::close(directory);
    }

  private:
    void require(bool done) const {
        if (!done) fail(path_, errno);
    }

    std::string path_, name_;
    int file_;
};

/// What a symbolic link stands for, which is replaced instead of the link.
std::string followed(const std::string& path) {
    std::error_code none;
    const auto real = std::filesystem::canonical(path, none);
    return none ? path : real.string();
}

} // namespace

users_lock::users_lock(const std::string& path)
    : directory_(::open(directory_of(followed(path)).c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC)) {
    if (directory_ < 0) fail(path, errno);
    while (::flock(directory_, LOCK_EX) != 0) {
        if (errno == EINTR) continue;
        const int why = errno;
        ::close(directory_);
        fail(path, why);
    }
}

users_lock::~users_lock() {
    ::close(directory_);
}

void save_users(const std::string& path, const oocrpc::user_store& users) {
    replacement next(followed(path));
    next.take_owner();
    next.write(written(users));
    next.replace();
}

} // namespace host
