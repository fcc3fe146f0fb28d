#include "user_file.hpp"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <optional>
#include <stdexcept>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <toml++/toml.h>

#include "exit.hpp"
#include "nearest.hpp"

namespace host {
namespace {

using oocrpc::user_store;

constexpr off_t most_bytes = 64 << 20;

/// The text of a file that only its owner, and perhaps its group, can read.
std::string read_private(const std::string& path) {
    const auto fail = [&](int code, const std::string& why) {
        throw failure(code, "cannot read '" + path + "': " + why);
    };
    const int file = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
    if (file < 0) fail(no_input, std::strerror(errno));
    struct closed {
        int file;
        ~closed() { ::close(file); }
    } const closing{file};
    struct stat is{};
    if (::fstat(file, &is) != 0) fail(no_input, std::strerror(errno));
    if (!S_ISREG(is.st_mode)) fail(no_input, "it is no regular file");
    if (is.st_mode & (S_IRWXO | S_IWGRP))
        fail(bad_configuration, "others than its owner can read or change it; chmod 600 it");
    if (is.st_size > most_bytes) fail(bad_configuration, "it is longer than 64 MiB");
    std::string text(static_cast<std::size_t>(is.st_size), '\0');
    std::size_t have = 0;
    while (have < text.size()) {
        const auto n = ::read(file, text.data() + have, text.size() - have);
        if (n < 0) fail(no_input, std::strerror(errno));
        if (n == 0) break; // it has become shorter
        have += static_cast<std::size_t>(n);
    }
    text.resize(have);
    return text;
}

class reader {
  public:
    explicit reader(const std::string& path) : path_(path) {
        const auto text = read_private(path);
        try {
            all_ = toml::parse(text);
        } catch (const toml::parse_error& e) {
            refuse(e.source(), std::string(e.description()));
        }
    }

    user_store read() const {
        check_keys(all_, {"secret", "roles", "users"});
        const auto* secret = all_.get("secret");
        if (!secret) refuse(all_.source(), "the key 'secret' is missing");
        std::optional<user_store> store;
        blamed_on(*secret, "secret", [&] { store.emplace(text_of(*secret, "secret")); });
        if (const auto* roles = all_.get("roles")) read_roles(*roles, *store);
        if (const auto* users = all_.get("users")) read_users(*users, *store);
        return std::move(*store);
    }

  private:
    [[noreturn]] void refuse(const toml::source_region& at, const std::string& why) const {
        throw failure(bad_configuration, path_ + ":" + std::to_string(at.begin.line) + ":" +
                                             std::to_string(at.begin.column) + ": " + why);
    }

    /// What the store refuses is said with the place and the key.
    template <class F>
    void blamed_on(const toml::node& at, const std::string& key, const F& f) const {
        try {
            f();
        } catch (const std::invalid_argument& e) {
            refuse(at.source(), key + ": " + e.what());
        }
    }

    void check_keys(const toml::table& table, const std::vector<std::string>& known) const {
        for (const auto& [key, value] : table) {
            const std::string name(key.str());
            if (std::ranges::find(known, name) == known.end())
                refuse(key.source(), "unknown key '" + name + "'" + did_you_mean(name, known));
        }
    }

    const toml::table& table_of(const toml::node& value, const std::string& key) const {
        if (const auto* table = value.as_table()) return *table;
        refuse(value.source(), key + ": expected a table");
    }

    std::string text_of(const toml::node& value, const std::string& key) const {
        if (const auto text = value.value_exact<std::string>()) return *text;
        refuse(value.source(), key + ": expected a string");
    }

    std::vector<std::string> texts_of(const toml::node& value, const std::string& key) const {
        const auto* list = value.as_array();
        if (!list) refuse(value.source(), key + ": expected a list of strings");
        std::vector<std::string> texts;
        for (const auto& one : *list) texts.push_back(text_of(one, key));
        return texts;
    }

    void read_roles(const toml::node& roles, user_store& store) const {
        for (const auto& [key, value] : table_of(roles, "roles")) {
            const auto name = "roles." + std::string(key.str());
            auto patterns = texts_of(value, name);
            blamed_on(value, name,
                      [&, of = std::string(key.str())] { store.define(of, std::move(patterns)); });
        }
    }

    void read_users(const toml::node& users, user_store& store) const {
        for (const auto& [key, value] : table_of(users, "users")) {
            const auto name = "users." + std::string(key.str());
            const auto& table = table_of(value, name);
            check_keys(table, {"roles", "credentials"});
            oocrpc::user one{std::string(key.str())};
            if (const auto* roles = table.get("roles")) one.roles = texts_of(*roles, name);
            if (const auto* list = table.get("credentials"))
                one.credentials = credentials_of(*list, name);
            blamed_on(value, name, [&] { store.add(std::move(one)); });
        }
    }

    std::vector<oocrpc::scram::credentials> credentials_of(const toml::node& list,
                                                           const std::string& name) const {
        std::vector<oocrpc::scram::credentials> all;
        for (const auto& text : texts_of(list, name)) {
            auto one = oocrpc::scram::credentials::parse(text);
            if (!one) // and never says what it is
                refuse(list.source(), name + ": no credentials, such as `oocrpcd user` writes");
            all.push_back(std::move(*one));
        }
        return all;
    }

    std::string path_;
    toml::table all_;
};

} // namespace

user_store load_users(const std::string& path) {
    return reader(path).read();
}

std::shared_ptr<oocrpc::access_control> access_of(const oocrpc::option_values& host,
                                                  oocrpc::access_options how) {
    if (!host.has("users")) return nullptr;
    return std::make_shared<oocrpc::access_control>(load_users(host.text("users")), std::move(how));
}

user_store new_users() {
    user_store store(oocrpc::scram::make_nonce());
    store.define("admin", {"*"});
    return store;
}

} // namespace host
