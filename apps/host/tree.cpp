#include "tree.hpp"

#include <algorithm>

#include <oocrpc/clock.hpp>
#include <oocrpc/error.hpp>
#include <oocrpc/task_group.hpp>

#include "exit.hpp"
#include "listening.hpp"

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

std::shared_ptr<memory_budget> memory_for(const option_values& host) {
    if (!host.has("memory-budget")) return std::make_shared<memory_budget>();
    return std::make_shared<memory_budget>(host.size("memory-budget"));
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

tree::tree(settings all, workers& loops, listening_sockets& sockets,
           std::shared_ptr<const access_control> access, log& to, application_options how)
    : settings_(std::move(all)),
      sockets_(sockets),
      log_(to),
      serving_{loops, begin_, counters_, std::move(access), memory_for(settings_.host), {}},
      root_("oocrpcd", std::move(how)) {
    serving_.log = [&to](log_level level, const std::string& name, std::string_view message,
                         const log_fields& fields) { to.write(level, name, message, fields); };
    root_.on_event = [this](const component_event& e) { on_event(e); };
    for (const auto& s : settings_.components) {
        auto m = make(s, settings_.host);
        root_.add(std::move(m.what), s.policy);
        hosts_.emplace(s.name, std::move(m.host));
    }
}

tree::~tree() = default;

tree::member tree::make(const component_settings& s, const option_values& host) {
    member m;
    m.host = std::make_unique<component_host>(s, serving_, host.duration("drain-timeout"));
    const auto of = s.name + (s.file.empty() ? "" : " (" + s.file + ")") + ": ";
    try {
        m.what = s.of->make(*m.host);
        if (!m.what || m.what->name() != s.name)
            throw std::logic_error("the plugin made no component of that name");
    } catch (const host::failure& e) {
        throw host::failure(e.code(), of + e.what());
    } catch (const rpc_error& e) {
        const auto text = of + (e.detail().empty() ? e.message() : e.detail());
        throw host::failure(e.code() == errc::invalid_argument ? usage_error : unavailable, text);
    } catch (const std::exception& e) {
        throw host::failure(software_error, of + e.what());
    } catch (...) {
        throw host::failure(software_error, of + "unknown");
    }
    if (const auto why = host.flag("insecure") ? "" : open_to_strangers(*m.what); !why.empty())
        throw host::failure(bad_configuration, why);
    return m;
}

std::vector<tree::member> tree::make_changed(const settings& next) {
    std::vector<member> made;
    for (const auto& s : next.components) {
        const auto* old = find(settings_.components, s.name);
        if (!old || !same(*old, s)) made.push_back(make(s, next.host));
    }
    return made;
}

/// Of the components that go on.
std::vector<renewed_files> tree::read_certificates(const std::vector<member>& made) const {
    std::vector<renewed_files> all;
    for (const auto& [name, host] : hosts_) {
        if (std::ranges::any_of(made, [&](const member& m) { return m.host->name() == name; }))
            continue;
        for (auto& r : read_renewed(name, host->tls())) all.push_back(std::move(r));
    }
    return all;
}

/// What `next` takes from a component, others may have at once.
void tree::announce_end(const std::vector<member>& made, const settings& next) {
    for (const auto& m : made) sockets_.will_end(m.host->name());
    for (const auto& s : settings_.components)
        if (!find(next.components, s.name)) sockets_.will_end(s.name);
}

awaitable<tree::changes> tree::reload(settings next, std::function<void()> accepted) {
    auto made = make_changed(next);
    auto renewed = read_certificates(made);
    accepted();
    announce_end(made, next);
    changes done;
    for (auto& r : renewed) {
        r.user->use(std::move(r.now));
        done.renewed.push_back(r.name);
    }
    std::vector<member> old;
    std::exception_ptr cancelled;
    try {
        for (auto& m : made) co_await put(std::move(m), done, old);
    } catch (const std::exception&) {
        cancelled = std::current_exception();
    }
    take(std::move(next), done, old);
    // Also where this is cancelled by now: then each stop is begun and cancelled.
    co_await this_coro::throw_if_cancelled(false);
    co_await drain(std::move(old));
    co_await this_coro::throw_if_cancelled(true);
    if (cancelled) std::rethrow_exception(cancelled);
    co_return done;
}

awaitable<void> tree::put(member m, changes& done, std::vector<member>& old) {
    const auto name = m.host->name();
    const auto policy = m.host->settings().policy;
    const bool replacing = root_.find(name) != nullptr;
    member before;
    try {
        if (replacing)
            before.what = co_await root_.replace(std::move(m.what), policy);
        else
            co_await root_.add_running(std::move(m.what), policy);
    } catch (const std::exception&) {
        log_.write(log_level::error, name, "does not start",
                   {{"reason", text_of(std::current_exception())}});
        done.failed.push_back(name);
        if (replacing) keep(name, old);
        co_return;
    }
    (replacing ? done.replaced : done.added).push_back(name);
    before.host = std::exchange(hosts_[name], std::move(m.host));
    if (replacing) old.push_back(std::move(before));
}

/// The old one goes on where its replacement does not start. Where it listens somebody else may do
/// so by now, as the settings say; then it has to go, as they cannot share the connections.
void tree::keep(const std::string& name, std::vector<member>& old) {
    const auto taken_by = sockets_.goes_on(name);
    if (taken_by.empty()) return;
    log_.write(log_level::error, name, "ends, its address is in use", {{"by", taken_by}});
    old.push_back({std::move(hosts_.extract(name).mapped()), nullptr});
}

/// The settings are what runs now: one that failed has those it had, or none, so that the next
/// reload tries again.
void tree::take(settings next, changes& done, std::vector<member>& old) {
    for (const auto& s : settings_.components) {
        if (find(next.components, s.name)) continue;
        done.removed.push_back(s.name);
        old.push_back({std::move(hosts_.extract(s.name).mapped()), nullptr});
    }
    for (auto& s : next.components)
        if (const auto* had = find(settings_.components, s.name);
            had && std::ranges::count(done.failed, s.name))
            s = *had;
    std::erase_if(next.components, [&](const auto& s) { return !hosts_.contains(s.name); });
    settings_ = std::move(next);
}

awaitable<void> tree::drain(std::vector<member> old) {
    const auto executor = co_await this_coro::executor;
    task_group stopping(executor);
    for (auto& m : old) stopping.spawn(stop(std::move(m)));
    timer limit(executor);
    limit.arm(clock::of(executor).after(settings_.host.duration("drain-timeout")),
              [&stopping] { stopping.cancel(); });
    co_await stopping.join();
}

/// Stops it and destroys it, before what it sees of the host.
awaitable<void> tree::stop(member old) {
    const auto name = old.host->name();
    try {
        if (!old.what) {
            old.what = co_await root_.remove(name);
        } else {
            // Outside of the tree nobody else tells of it and its parts.
            if (auto* g = dynamic_cast<component_group*>(old.what.get()))
                g->on_event = root_.on_event;
            const bool ran = old.what->running();
            co_await old.what->stop();
            if (ran) log_.write(log_level::info, name, "stopped");
        }
    } catch (const std::exception&) {
        log_.write(log_level::error, name, "did not stop well",
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
