#include "tree.hpp"

#include <algorithm>

#include <oocrpc/error.hpp>

#include "exit.hpp"

namespace host {

using namespace oocrpc;

namespace {

const component_settings* find(const std::vector<component_settings>& in, const std::string& name) {
    const auto at = std::ranges::find(in, name, &component_settings::name);
    return at == in.end() ? nullptr : &*at;
}

bool same(const component_settings& a, const component_settings& b) {
    return a.of == b.of && a.policy.action == b.policy.action && a.values.same_values(b.values);
}

} // namespace

std::string text_of(const std::exception_ptr& e) {
    try {
        std::rethrow_exception(e);
    } catch (const rpc_error& error) {
        return error.detail().empty() ? error.what() : error.detail();
    } catch (const std::exception& error) {
        return error.what();
    } catch (...) {
        return "unknown";
    }
}

tree::tree(settings all, workers& loops, log& to, application_options how)
    : settings_(std::move(all)),
      log_(to),
      serving_{loops, begin_, counters_, {}, {}, {}},
      root_("oocrpcd", std::move(how)) {
    serving_.log = [&to](log_level level, const std::string& name, std::string_view message,
                         const log_fields& fields) { to.write(level, name, message, fields); };
    root_.on_event = [this](const component_event& e) { on_event(e); };
    for (const auto& s : settings_.components) {
        auto m = make(s);
        root_.add(std::move(m.made), s.policy);
        hosts_.emplace(s.name, std::move(m.host));
    }
}

tree::~tree() = default;

tree::member tree::make(const component_settings& s) {
    member m;
    m.host =
        std::make_unique<component_host>(s, serving_, settings_.host.duration("drain-timeout"));
    const auto of = s.name + ": ";
    try {
        m.made = s.of->make(*m.host);
        if (!m.made || m.made->name() != s.name)
            throw std::logic_error("the plugin made no component of that name");
    } catch (const host::failure& e) {
        throw host::failure(e.code(), of + e.what());
    } catch (const rpc_error& e) {
        const auto text = of + (e.detail().empty() ? e.message() : e.detail());
        throw host::failure(e.code() == errc::invalid_argument ? usage_error : unavailable, text);
    } catch (const std::exception& e) {
        throw host::failure(software_error, of + e.what());
    }
    return m;
}

awaitable<tree::changes> tree::reload(settings next) {
    const auto before = std::exchange(settings_.host, next.host);
    std::vector<member> made;
    try {
        for (const auto& s : next.components) {
            const auto* old = find(settings_.components, s.name);
            if (!old || !same(*old, s)) made.push_back(make(s));
        }
    } catch (...) {
        settings_.host = before;
        throw;
    }
    changes done;
    for (const auto& s : settings_.components)
        if (!find(next.components, s.name)) co_await remove(s.name, done);
    for (auto& m : made) co_await put(std::move(m), done);
    // One that failed keeps what it had, so that the next reload tries again.
    for (auto& s : next.components)
        if (std::ranges::count(done.failed, s.name)) {
            const auto* old = find(settings_.components, s.name);
            if (old) s = *old;
        }
    std::erase_if(next.components, [&](const component_settings& s) {
        return std::ranges::count(done.failed, s.name) && !find(settings_.components, s.name);
    });
    settings_.components = std::move(next.components);
    co_return done;
}

awaitable<void> tree::remove(std::string name, changes& done) {
    auto gone = co_await root_.remove(name);
    gone.reset(); // before its host
    done.removed.push_back(name);
    hosts_.erase(name);
}

awaitable<void> tree::put(member m, changes& done) {
    const auto name = m.host->name();
    const auto policy = m.host->settings().policy;
    const bool replacing = root_.find(name) != nullptr;
    std::unique_ptr<component> old;
    try {
        if (replacing)
            old = co_await root_.replace(std::move(m.made), policy);
        else
            co_await root_.add_running(std::move(m.made), policy);
    } catch (const std::exception&) {
        log_.write(log_level::error, name, "does not start",
                   {{"reason", text_of(std::current_exception())}});
        done.failed.push_back(name);
        co_return;
    }
    (replacing ? done.replaced : done.added).push_back(name);
    const auto old_host = std::exchange(hosts_[name], std::move(m.host)); // outlives `old`
    if (old) co_await end(std::move(old));
}

/// Stops what was replaced.
awaitable<void> tree::end(std::unique_ptr<component> old) {
    if (auto* group = dynamic_cast<component_group*>(old.get())) group->on_event = root_.on_event;
    const bool ran = old->running();
    try {
        co_await old->stop();
        if (ran) log_.write(log_level::info, old->path(), "stopped");
    } catch (const std::exception&) {
        log_.write(log_level::error, old->path(), "did not stop well",
                   {{"reason", text_of(std::current_exception())}});
    }
}

void tree::on_event(const component_event& e) const {
    const auto path = e.which.path();
    switch (e.what) {
    case component_event::kind::started:
        return log_.write(log_level::info, path, "started");
    case component_event::kind::stopped:
        return log_.write(log_level::info, path, "stopped");
    case component_event::kind::failed:
        return log_.write(log_level::error, path, "failed", {{"reason", text_of(e.why)}});
    case component_event::kind::restarting:
        return log_.write(log_level::warn, path, "restarting",
                          {{"pause_ms", std::to_string(e.pause.count())}});
    }
}

std::string tree::addresses() const {
    std::string line;
    for (const auto& s : settings_.components)
        for (const auto& at : hosts_.at(s.name)->addresses())
            line += (line.empty() ? "" : ", ") + at;
    return line;
}

std::string tree::hints() const {
    std::string lines;
    for (const auto& s : settings_.components)
        for (const auto& h : hosts_.at(s.name)->hints()) lines += h + "\n";
    return lines;
}

} // namespace host
