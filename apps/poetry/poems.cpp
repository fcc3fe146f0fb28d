#include "poems.hpp"

#include <algorithm>
#include <filesystem>

#include <oocrpc/bson.hpp>
#include <oocrpc/clock.hpp>
#include <oocrpc/service.hpp>

#include "host/exit.hpp"

namespace poetry {

using oocrpc::awaitable;

struct poems::shelf {
    std::vector<poem> all;
    pace how;
    host::call_counters counters;

    const poem& find(const std::optional<std::string>& name) const {
        if (!name) return all.front();
        for (const auto& p : all)
            if (p.name == *name) return p;
        throw oocrpc::rpc_error("no_such_poem", "'" + *name + "': no such poem");
    }
    bool slow() const noexcept { return how.bytes > 0; }
    std::size_t step() const noexcept { return slow() ? how.bytes : all.front().text.size(); }
    /// How long it takes to tell a text of that size.
    std::chrono::milliseconds time_for(std::size_t size) const {
        return how.delay * static_cast<std::int64_t>((size + how.bytes - 1) / how.bytes);
    }
};

namespace {

using shelf_ptr = std::shared_ptr<poems::shelf>;

std::string tell_at_once(const shelf_ptr& from, const std::optional<std::string>& name) {
    host::counted_call telling(from->counters);
    try {
        auto text = from->find(name).text;
        telling.finish();
        return text;
    } catch (const oocrpc::rpc_error&) {
        telling.fail();
        throw;
    }
}

awaitable<std::string> tell_slowly(shelf_ptr from, std::optional<std::string> name) {
    host::counted_call telling(from->counters);
    const poem* found = nullptr;
    try {
        found = &from->find(name);
    } catch (const oocrpc::rpc_error&) {
        telling.fail();
        throw;
    }
    co_await oocrpc::sleep_for(from->time_for(found->text.size()));
    telling.finish();
    co_return found->text;
}

awaitable<void> write_to(shelf_ptr from, host::text_writer out) {
    host::counted_call telling(from->counters);
    const auto& text = from->all.front().text;
    for (std::size_t at = 0; at < text.size(); at += from->step()) {
        co_await out.write(text.substr(at, from->step()));
        if (from->slow()) co_await oocrpc::sleep_for(from->how.delay);
    }
    telling.finish();
}

} // namespace

poem read_poem(const std::string& path) {
    poem p{std::filesystem::path(path).stem().string(), host::read_file(path)};
    if (!oocrpc::bson::is_utf8(p.text) || !oocrpc::bson::is_utf8(p.name))
        throw host::failure(host::no_input, "cannot read '" + path + "': it is not UTF-8");
    return p;
}

poems::poems(std::vector<poem> all, pace how) : shelf_(std::make_shared<shelf>()) {
    if (all.empty()) throw host::failure(host::usage_error, "a poem is missing");
    for (auto p = all.begin(); p != all.end(); ++p)
        if (std::any_of(all.begin(), p, [&](const poem& q) { return q.name == p->name; }))
            throw host::failure(host::usage_error, "two poems have the name '" + p->name + "'");
    shelf_->all = std::move(all);
    shelf_->how = how;
}

oocrpc::handler poems::handler() const {
    oocrpc::service s("poetry");
    auto from = shelf_;
    if (from->slow())
        s.on(get_poem, [from](std::optional<std::string> n) { return tell_slowly(from, n); });
    else
        s.on(get_poem,
             [from](const std::optional<std::string>& n) { return tell_at_once(from, n); });
    s.on(list, [from] {
        std::vector<std::string> names;
        for (const auto& p : from->all) names.push_back(p.name);
        return names;
    });
    s.on(get_stats, [from] { return from->counters.now(); });
    return s;
}

host::text_function poems::text() const {
    return [from = shelf_](host::text_writer out) { return write_to(from, std::move(out)); };
}

host::call_stats poems::now() const {
    return shelf_->counters.now();
}

} // namespace poetry
