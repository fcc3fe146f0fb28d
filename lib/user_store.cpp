#include <oocrpc/user_store.hpp>

#include <algorithm>
#include <stdexcept>
#include <utility>

#include <oocrpc/bson.hpp>

namespace oocrpc {
namespace {

using scram::mechanism;

[[noreturn]] void refuse(const std::string& why) {
    throw std::invalid_argument(why);
}

bool is_control(char c) {
    return (c >= 0 && c < 0x20) || c == 0x7f;
}

/// `what` is "user" or "role".
void check_name(const std::string& what, std::string_view name) {
    if (name.empty()) refuse("a " + what + " has no name");
    if (name.size() > user_store::max_name)
        refuse("the name of a " + what + " is longer than 1024 bytes");
    if (!bson::is_utf8(name)) refuse("the name of a " + what + " is not UTF-8");
    if (std::ranges::any_of(name, is_control))
        refuse("the name of a " + what + " has control characters");
}

bool is_pattern(std::string_view text) {
    if (text == "*") return true;
    if (text.ends_with(".*")) text.remove_suffix(2);
    return !text.empty() && text.find('*') == text.npos && !std::ranges::any_of(text, is_control);
}

/// Whole commands, `database.$cmd`, are all that a database behind a proxy can do.
bool matches(std::string_view pattern, std::string_view method) {
    if (!pattern.ends_with('*')) return pattern == method;
    if (pattern == "*") return true;
    return method.starts_with(pattern.substr(0, pattern.size() - 1)) && !method.ends_with(".$cmd");
}

const scram::credentials* own(mechanism m, const user* u) {
    if (!u) return nullptr;
    const auto found = std::ranges::find(u->credentials, m, &scram::credentials::of);
    return found == u->credentials.end() ? nullptr : &*found;
}

} // namespace

user_store::user_store(std::string secret) : secret_(std::move(secret)) {
    if (secret_.size() < least_secret) refuse("the secret is shorter than 32 bytes");
}

void user_store::define(std::string role, std::vector<std::string> patterns) {
    check_name("role", role);
    for (const auto& p : patterns)
        if (!is_pattern(p))
            refuse("'" + p + "' is no pattern of methods, such as 'demo.add', 'demo.*', '*'");
    roles_.insert_or_assign(std::move(role), std::move(patterns));
}

void user_store::add(user u) {
    check_name("user", u.name);
    for (const auto& role : u.roles)
        if (!roles_.contains(role)) refuse("the role '" + role + "' is not defined");
    for (const auto& c : u.credentials)
        if (std::ranges::count(u.credentials, c.of, &scram::credentials::of) > 1)
            refuse("two credentials for " + std::string(to_string(c.of)));
    remove(u.name);
    for (const auto& c : u.credentials) ++iterations_[static_cast<std::size_t>(c.of)][c.iterations];
    auto name = u.name;
    users_.emplace(std::move(name), std::move(u));
}

bool user_store::remove(std::string_view name) {
    const auto found = users_.find(name);
    if (found == users_.end()) return false;
    for (const auto& c : found->second.credentials) {
        auto& counts = iterations_[static_cast<std::size_t>(c.of)];
        if (--counts[c.iterations] == 0) counts.erase(c.iterations);
    }
    users_.erase(found);
    return true;
}

const user* user_store::find(std::string_view name) const {
    const auto found = users_.find(name);
    return found == users_.end() ? nullptr : &found->second;
}

bool user_store::allows(std::string_view name, std::string_view method) const {
    const auto* u = find(name);
    if (!u) return false;
    return std::ranges::any_of(u->roles, [&](const std::string& role) {
        return std::ranges::any_of(roles_.find(role)->second,
                                   [&](const auto& pattern) { return matches(pattern, method); });
    });
}

std::uint32_t user_store::usual_iterations(mechanism m) const {
    const auto& counts = iterations_[static_cast<std::size_t>(m)];
    if (counts.empty()) return scram::default_iterations(m);
    return std::ranges::max_element(counts, {}, [](const auto& c) { return c.second; })->first;
}

scram::credentials user_store::credentials(mechanism m, std::string_view name) const {
    const auto made_up = scram::decoy(m, secret_, name, usual_iterations(m));
    const auto* found = own(m, find(name));
    return found ? *found : made_up; // a copy of either, which takes as long
}

std::vector<mechanism> user_store::mechanisms(std::string_view name) const {
    std::vector<mechanism> all;
    const auto* u = find(name);
    if (u && u->credentials.empty()) u = nullptr; // it is not to be told from who is not there
    for (const auto m : {mechanism::sha_1, mechanism::sha_256}) {
        std::size_t have = 0;
        for (const auto& [iterations, count] : iterations_[static_cast<std::size_t>(m)])
            have += count;
        if (u ? own(m, u) != nullptr : 2 * have >= users_.size()) all.push_back(m);
    }
    return all;
}

} // namespace oocrpc
