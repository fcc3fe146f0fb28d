#pragma once

#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include <oocrpc/detail/typed_handler.hpp>
#include <oocrpc/handler.hpp>
#include <oocrpc/value.hpp>

namespace oocrpc {

/// Whether a service's methods are also found without its name in front.
enum class bare_names { no, yes };

/// A table of methods: plain functions, coroutines, streams, raw handlers.
///
///     oocrpc::service demo{"demo"};
///     demo.on(add, [](int a, int b) { return a + b; })
///         .on(slow, [](context& c, int ms) -> awaitable<int> { ... })
///         .on(count, [](int n, sink<int>& out) -> awaitable<void> { ... });
///
/// A plain function answers inside the read loop. Functions are called on the connection's
/// executor; where a server runs on several threads, from all of them. Every table also answers
/// `oocrpc.ping`, `oocrpc.hello`, `oocrpc.list` and `oocrpc.describe`. Filled before it serves;
/// converts to a handler, which shares the table.
class service {
  public:
    explicit service(std::string name, bare_names bare = bare_names::no);

    /// Serves `m` with `f`, which takes its parameters, a `context&` before them where it wants
    /// one, and a `sink<T>&` after them where the method streams. Throws
    /// rpc_error(invalid_argument) for a name that is taken or reserved.
    template <class R, class... A, class F> service& on(const method<R(A...)>& m, F f) {
        auto d = detail::describe(m);
        return add(std::move(d), detail::typed_handler<F, R, A...>(std::move(f), m));
    }
    /// Serves `name` with a handler that reads the call itself, or passes it on.
    service& on(std::string name, handler h);
    /// The same, and describes it.
    service& on(method_description description, handler h);
    /// Serves the methods of another service too.
    service& include(const service& other);
    /// Serves every call that no method is found for, but those of the service `oocrpc`.
    service& otherwise(handler h);

    const std::string& name() const noexcept { return name_; }
    /// The methods, sorted by name, without those that every service has.
    std::vector<method_description> describe() const;

    maybe_awaitable<message> operator()(context& c, message&& call) const;

  private:
    struct entry {
        handler serve;
        method_description description;
        bool alias = false;
    };
    struct hash {
        using is_transparent = void;
        std::size_t operator()(std::string_view name) const noexcept {
            return std::hash<std::string_view>()(name);
        }
    };
    struct table {
        std::unordered_map<std::string, entry, hash, std::equal_to<>> methods;
        handler otherwise;
        std::vector<method_description> describe() const;
    };

    service& add(method_description d, handler h);
    void insert(std::string name, entry e);
    void add_built_in();

    std::string name_;
    bare_names bare_;
    std::shared_ptr<table> table_;
};

} // namespace oocrpc
