#include "session.hpp"

#include <algorithm>

namespace oocrpc::mongodb {
namespace {

// Longer names, which a peer may make up, are looked up each time.
constexpr std::size_t most_name = 256;

} // namespace

bool known_method::takes(std::string_view parameter) const noexcept {
    return std::find(parameters.begin(), parameters.end(), parameter) != parameters.end();
}

session::~session() {
    for (const auto& weak : cursors_)
        if (const auto c = weak.lock(); c && c->is_used_by(this))
            registry_->cursors.remove(c->number());
}

const std::shared_ptr<const known_method>& session::find(std::string_view name) {
    static const std::shared_ptr<const known_method> none;
    if (latest_ && latest_->first == name) return latest_->second;
    const auto at = methods_.find(name);
    if (at == methods_.end()) return none;
    latest_ = &*at;
    return at->second;
}

void session::remember(std::string name, std::shared_ptr<const known_method> m, std::size_t most) {
    if (name.size() <= most_name && methods_.size() < most)
        methods_.insert_or_assign(std::move(name), std::move(m));
}

void session::forget_ended() {
    std::erase_if(cursors_, [this](const auto& weak) {
        const auto c = weak.lock();
        return !c || c->ended() || !c->is_used_by(this);
    });
}

void session::require_room(std::size_t most) {
    forget_ended();
    if (cursors_.size() < most) return;
    throw rpc_error(errc::overloaded, std::to_string(most) + " cursors are open on the connection");
}

void session::use(const std::shared_ptr<cursor>& c,
                  const std::shared_ptr<call_registry>& registry) {
    if (c->is_used_by(this)) return;
    registry_ = registry;
    forget_ended();
    c->used_by(this);
    cursors_.push_back(c);
}

void session::take_over(const std::shared_ptr<cursor>& c,
                        const std::shared_ptr<call_registry>& registry, std::size_t most,
                        const command_options& options) {
    if (c->is_used_by(this)) return;
    require_room(most);
    require_memory(options, c->stored());
    use(c, registry);
}

void session::require_memory(const command_options& options, std::size_t more) {
    auto stored = more;
    for (const auto& weak : cursors_)
        if (const auto c = weak.lock(); c && c->is_used_by(this)) stored += c->stored();
    if (stored <= options.most_stored) return;
    throw rpc_error(errc::overloaded, "the cursors of the connection keep more than " +
                                          std::to_string(options.most_stored) + " bytes");
}

std::int32_t session::number(call_registry& registry) {
    if (number_ == 0) number_ = registry.number_connection();
    return number_;
}

} // namespace oocrpc::mongodb
