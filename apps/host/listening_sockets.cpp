#include "listening_sockets.hpp"

#include <algorithm>
#include <cerrno>

#include <fcntl.h>
#include <unistd.h>

#include <oocrpc/error.hpp>

namespace host {

using oocrpc::listener;
using oocrpc::port_sharing;
using oocrpc::url;

namespace {

std::unique_ptr<listener> open_by_system(const oocrpc::any_io_executor& executor, const url& at,
                                         port_sharing sharing, std::source_location made) {
    return oocrpc::network::system()->listen(executor, at, sharing, made);
}

} // namespace

/// A socket that listens. What was bound here is held by a listener of its own that accepts
/// nothing.
struct listening_sockets::entry {
    bool binds(const url& at) const { return is_bound_to(what, at); }

    inherited_socket what;
    std::unique_ptr<listener> bound; // null: inherited
    const void* loop = nullptr;      // its execution context; null: all of them
    port_sharing sharing = port_sharing::exclusive;
    std::size_t users = 0; // listeners that are open
};

/// What listeners share with the network, which may be gone before them.
struct listening_sockets::table {
    using row = std::list<entry>::iterator;

    ~table() {
        for (auto& e : all)
            if (!e.bound) ::close(e.what.socket);
    }
    row find(const url& at, const void* loop) {
        return std::find_if(all.begin(), all.end(), [&](const entry& e) {
            return (!e.loop || e.loop == loop) && e.binds(at);
        });
    }
    bool shared_elsewhere(const url& at) const {
        return std::any_of(all.begin(), all.end(), [&](const entry& e) {
            return e.sharing == port_sharing::shared && e.binds(at);
        });
    }
    /// One that was bound for a single loop, and is not used, is no use to several.
    void make_room_for_shared(const url& at) {
        all.remove_if([&](const entry& e) {
            return e.bound && e.users == 0 && e.sharing == port_sharing::exclusive && e.binds(at);
        });
    }
    row bind(url at, port_sharing sharing, const void* loop, std::source_location made);
    std::unique_ptr<listener> use(const std::shared_ptr<table>& self, row which,
                                  const oocrpc::any_io_executor& executor, url at);
    void leave(row which) {
        std::lock_guard lock(mutex);
        if (--which->users == 0 && !keeping && which->bound) all.erase(which);
    }

    std::mutex mutex;
    asio::io_context never_run; // where the sockets are that are bound here
    std::list<entry> all;
    bool keeping = true;
};

/// Accepts on a copy of a socket of the table.
class listening_sockets::shared_listener final : public listener {
  public:
    shared_listener(std::shared_ptr<table> in, table::row which, std::unique_ptr<listener> own)
        : table_(std::move(in)),
          which_(which),
          own_(std::move(own)) {}
    ~shared_listener() override { close(); }

    oocrpc::awaitable<std::unique_ptr<oocrpc::byte_stream>> accept() override {
        return own_->accept();
    }
    void close() noexcept override {
        own_->close();
        if (const auto from = std::exchange(table_, nullptr)) from->leave(which_);
    }
    const url& address() const noexcept override { return own_->address(); }
    int native_handle() noexcept override { return own_->native_handle(); }

  private:
    std::shared_ptr<table> table_;
    table::row which_;
    std::unique_ptr<listener> own_;
};

listening_sockets::table::row listening_sockets::table::bind(url at, port_sharing sharing,
                                                             const void* loop,
                                                             std::source_location made) {
    const auto executor = never_run.get_executor();
    const bool tcp = at.via == url::transport::tcp;
    // With sharing the system reports no port as taken, so that is asked without it first.
    if (tcp && sharing == port_sharing::shared && !shared_elsewhere(at))
        at = open_by_system(executor, at, port_sharing::exclusive, made)->address();
    entry e;
    e.bound = open_by_system(executor, at, sharing, made);
    e.what = describe_socket(e.bound->native_handle(), {});
    e.sharing = sharing;
    e.loop = tcp || sharing == port_sharing::exclusive ? loop : nullptr;
    return all.insert(all.end(), std::move(e));
}

std::unique_ptr<listener> listening_sockets::table::use(const std::shared_ptr<table>& self,
                                                        row which,
                                                        const oocrpc::any_io_executor& executor,
                                                        url at) {
    const int copy = ::fcntl(which->what.socket, F_DUPFD_CLOEXEC, 0);
    if (copy < 0)
        throw oocrpc::rpc_error(oocrpc::errc::unavailable,
                                "cannot listen on " + at.to_string() + ": " +
                                    std::system_category().message(errno));
    auto own = listener::adopt(executor, copy, std::move(at));
    ++which->users;
    return std::make_unique<shared_listener>(self, which, std::move(own));
}

listening_sockets::listening_sockets(std::vector<inherited_socket> inherited)
    : table_(std::make_shared<table>()) {
    for (auto& s : inherited) table_->all.emplace_back().what = std::move(s);
}

listening_sockets::~listening_sockets() {
    stop_keeping();
}

oocrpc::awaitable<std::unique_ptr<oocrpc::byte_stream>>
listening_sockets::connect(url to, std::source_location made) {
    return network::system()->connect(std::move(to), made);
}

std::unique_ptr<listener> listening_sockets::listen(oocrpc::any_io_executor executor, url at,
                                                    port_sharing sharing,
                                                    std::source_location made) {
    const void* loop = &asio::query(executor, asio::execution::context);
    std::lock_guard lock(table_->mutex);
    if (sharing == port_sharing::shared) table_->make_room_for_shared(at);
    auto found = table_->find(at, loop);
    if (found == table_->all.end()) found = table_->bind(at, sharing, loop, made);
    return table_->use(table_, found, executor, std::move(at));
}

void listening_sockets::release_unused() {
    std::lock_guard lock(table_->mutex);
    table_->all.remove_if([](const entry& e) { return e.bound && e.users == 0; });
}

void listening_sockets::stop_keeping() {
    release_unused();
    std::lock_guard lock(table_->mutex);
    table_->keeping = false;
}

std::vector<std::string> listening_sockets::unused_inherited() const {
    std::lock_guard lock(table_->mutex);
    std::vector<std::string> unused;
    for (const auto& e : table_->all) {
        if (e.bound || e.users > 0) continue;
        const auto& s = e.what;
        auto line = s.address + (s.name.empty() ? "" : " (" + s.name + ")");
        line += s.problem.empty() ? ": no listener asks for it" : ": " + s.problem;
        unused.push_back(std::move(line));
    }
    return unused;
}

} // namespace host
