#include "methods.hpp"

#include <oocrpc/bson_value.hpp>
#include <oocrpc/built_in.hpp>
#include <oocrpc/connection.hpp>

#include "command_names.hpp"

namespace oocrpc::mongodb {
namespace {

message to_error(const context& c, const std::exception_ptr& e) {
    try {
        std::rethrow_exception(e);
    } catch (const rpc_error& error) {
        return message::error(0, error);
    } catch (const std::exception& error) {
        if (c.shared_connection()->options().exceptions == exception_text::exposed)
            return message::error(0, errc::internal, error.what());
    } catch (...) {
    }
    return message::error(0, errc::internal, "the handler failed");
}

/// Calls a built-in method of the inner handler; what it throws is its answer.
awaitable<message> ask(const layer& of, context& c, std::string_view method,
                       bson::value_view arguments) {
    known_method m;
    m.target = method;
    auto shared = std::make_shared<const known_method>(std::move(m));
    co_return co_await invoke_all(of, c, std::move(shared), arguments);
}

/// Null where the inner handler does not describe `name`.
awaitable<std::shared_ptr<const known_method>> describe(const layer& of, context& c,
                                                        std::string name) {
    byte_buffer arguments;
    bson::array_writer w(arguments);
    w.add(name);
    w.finish();
    const bson::value_view view{bson::type::array, arguments};
    const auto answer = co_await ask(of, c, built_in::describe.name(), view);
    std::vector<method_description> found;
    bson::read_error e;
    if (answer.fault || !bson::get(answer.body, found, e) || found.size() != 1) co_return nullptr;
    auto m = std::make_shared<known_method>();
    m->target = std::move(name);
    m->streams = found[0].streams;
    m->described = true;
    for (auto& p : found[0].parameters) m->parameters.push_back(std::move(p.name));
    co_return m;
}

awaitable<std::shared_ptr<const known_method>> find_method(const layer& of, context& c,
                                                           std::string name, bool or_bare) {
    auto m = co_await describe(of, c, name);
    if (!m && or_bare) {
        std::string alone(split_name(name).name);
        m = co_await describe(of, c, std::move(alone));
    }
    c.restart();
    if (m) {
        auto& known = c.session<session>();
        known.remember(std::move(name), m, of.options.most_known_methods);
        co_return m;
    }
    auto blind = std::make_shared<known_method>();
    blind->target = std::move(name);
    co_return blind;
}

/// For a name that nobody describes: the method of that name, else the one without a database.
awaitable<message> invoke_unknown(const layer& of, context& c,
                                  std::shared_ptr<const known_method> method,
                                  bson::value_view arguments) {
    const std::string_view name = method->target;
    const auto bare = split_name(name).name;
    for (const auto target : {name, bare}) {
        known_method m;
        m.target = target;
        auto shared = std::make_shared<const known_method>(std::move(m));
        auto answer = co_await invoke_all(of, c, std::move(shared), arguments);
        if (!is_no_such_method(answer)) co_return answer;
    }
    co_return no_such_command(bare);
}

} // namespace

awaitable<std::shared_ptr<const known_method>> resolve(const layer& of, context& c,
                                                       std::string name) {
    if (auto m = c.session<session>().find(name)) co_return m;
    co_return co_await find_method(of, c, std::move(name), true);
}

awaitable<std::shared_ptr<const known_method>> resolve_exactly(const layer& of, context& c,
                                                               std::string name) {
    // Its own place in what is remembered: a full name never stands for a shorter one.
    co_return co_await find_method(of, c, std::move(name), false);
}

maybe_awaitable<message> invoke(const layer& of, context& c, const known_method& method,
                                bson::value_view arguments) {
    if (c.method() != method.target) c.retarget(method.target);
    auto call = message::call(method.target, arguments);
    call.oneway = c.oneway();
    return (*of.inner)(c, std::move(call));
}

awaitable<message> invoke_all(const layer& of, context& c,
                              std::shared_ptr<const known_method> method,
                              bson::value_view arguments) {
    c.restart();
    message answer;
    try {
        auto outcome = invoke(of, c, *method, arguments);
        if (outcome.ready())
            answer = outcome.take();
        else
            answer = co_await outcome.wait();
    } catch (...) {
        if (c.cancelled()) throw;
        answer = to_error(c, std::current_exception());
    }
    c.collect_into(answer);
    co_return answer;
}

bool is_no_such_method(const message& answer) noexcept {
    return answer.fault && answer.fault->code == static_cast<int>(errc::no_such_method);
}

awaitable<message> invoke_resolved(const layer& of, context& c,
                                   std::shared_ptr<const known_method> method,
                                   bson::value_view arguments) {
    const auto how = method->described ? invoke_all : invoke_unknown;
    return how(of, c, std::move(method), arguments);
}

awaitable<std::vector<std::string>> list_methods(const layer& of, context& c) {
    const auto answer = co_await ask(of, c, built_in::list.name(), absent);
    std::vector<std::string> names;
    bson::read_error e;
    if (answer.fault || !bson::get(answer.body, names, e)) names.clear();
    co_return names;
}

} // namespace oocrpc::mongodb
