#include <oocrpc/access_control.hpp>

namespace oocrpc {

access_control::access_control(user_store users, access_options options)
    : users_(std::make_shared<const user_store>(std::move(users))),
      options_(std::move(options)) {}

void access_control::replace(user_store users) {
    auto next = std::make_shared<const user_store>(std::move(users));
    std::lock_guard lock(mutex_);
    users_.swap(next);
}

std::shared_ptr<const user_store> access_control::users() const {
    std::lock_guard lock(mutex_);
    return users_;
}

bool access_control::allows(std::string_view user, std::string_view method) const {
    return users()->allows(user, method);
}

std::string access_control::user_of(const tls_info& tls) const {
    const auto all = users();
    if (!tls.subject.empty() && all->find(tls.subject)) return tls.subject;
    for (const auto& name : tls.names)
        if (all->find(name)) return name;
    return {};
}

std::string access_control::user_of_token(std::string_view token) const {
    if (!options_.bearer) return {};
    return options_.bearer(token).value_or(std::string());
}

void access_control::report(const login_attempt& attempt) const {
    if (options_.on_login) options_.on_login(attempt);
}

} // namespace oocrpc
