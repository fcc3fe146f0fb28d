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

/// Whether `path` is the component of that name, or below it.
bool within(const std::string& path, const std::string& name) {
    return path.starts_with(name) && (path.size() == name.size() || path[name.size()] == '.');
}

} // namespace

/// A listener that is open.
struct listening_sockets::user {
    std::string path;    // of the component; empty: not known
    bool ending = false; // what others do at that address does not disturb it

    std::string name() const { return path.empty() ? "another component" : "'" + path + "'"; }
};

/// A socket that listens. What was bound here is held by a listener of its own that accepts
/// nothing.
struct listening_sockets::entry {
    bool binds(const url& at) const { return is_bound_to(what, at); }
    /// Somebody who does not let that component listen here.
    const user* other_than(const std::string& path) const {
        const auto at =
            std::ranges::find_if(users, [&](const user& u) { return !u.ending && u.path != path; });
        return at == users.end() ? nullptr : &*at;
    }

    inherited_socket what;
    std::unique_ptr<listener> bound; // null: inherited
    const void* loop = nullptr;      // its execution context; null: all of them
    port_sharing sharing = port_sharing::exclusive;
    std::list<user> users;
    bool kept = true;       // also without users
    std::string picked_for; // the component that asked for port 0, and by which URL
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
    /// Throws where the address is another component's.
    void require_free(const url& at) const {
        for (const auto& e : all)
            if (const auto* other = e.binds(at) ? e.other_than(opening) : nullptr)
                throw oocrpc::rpc_error(oocrpc::errc::unavailable,
                                        "cannot listen on " + at.to_string() + ": " +
                                            other->name() + " does already");
    }
    /// The port that was picked for it before.
    std::uint16_t picked(const std::string& asked) const {
        for (const auto& e : all)
            if (!opening.empty() && e.picked_for == asked && !e.other_than(opening))
                return e.bound->address().port;
        return 0;
    }
    bool shared_elsewhere(const url& at) const {
        return std::any_of(all.begin(), all.end(), [&](const entry& e) {
            return e.sharing == port_sharing::shared && e.binds(at);
        });
    }
    /// Sockets that were bound for a single loop, or for several, become the other kind, as an
    /// address may go from a component of one kind to one of the other.
    void make_room(const url& at, port_sharing sharing, const void* loop) {
        const bool share = sharing == port_sharing::shared;
        const auto unfit = [&](const entry& e) {
            return e.bound && e.binds(at) && e.sharing != sharing &&
                   (share || (e.loop && e.loop != loop));
        };
        all.remove_if([&](const entry& e) { return e.users.empty() && unfit(e); });
        for (auto& e : all) {
            if (!unfit(e)) continue;
            e.kept = share; // who waits in its backlog would wait for nobody
            if (!share) continue;
            e.loop = nullptr; // one socket for all of them
            e.sharing = port_sharing::shared;
        }
    }
    row bind(url at, port_sharing sharing, const void* loop, std::source_location made);
    std::unique_ptr<listener> use(const std::shared_ptr<table>& self, row which,
                                  const oocrpc::any_io_executor& executor, url at);
    void leave(row which, std::list<user>::iterator by) {
        std::lock_guard lock(mutex);
        which->users.erase(by);
        if (which->users.empty() && which->bound && !(keeping && which->kept)) all.erase(which);
    }

    std::mutex mutex;
    asio::io_context never_run; // where the sockets are that are bound here
    std::list<entry> all;
    bool keeping = true;
    std::string opening; // the path of the component that opens listeners
};

/// Accepts on a copy of a socket of the table.
class listening_sockets::shared_listener final : public listener {
  public:
    shared_listener(std::shared_ptr<table> in, table::row which, std::unique_ptr<listener> own)
        : table_(std::move(in)),
          which_(which),
          use_(which->users.insert(which->users.end(), user{table_->opening})),
          own_(std::move(own)) {}
    ~shared_listener() override { close(); }

    oocrpc::awaitable<std::unique_ptr<oocrpc::byte_stream>> accept() override {
        return own_->accept();
    }
    void close() noexcept override {
        own_->close();
        if (const auto from = std::exchange(table_, nullptr)) from->leave(which_, use_);
    }
    const url& address() const noexcept override { return own_->address(); }
    int native_handle() noexcept override { return own_->native_handle(); }

  private:
    std::shared_ptr<table> table_;
    table::row which_;
    std::list<user>::iterator use_;
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
    which->kept = true;
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
    const bool pick = at.via == url::transport::tcp && at.port == 0;
    const auto asked = table_->opening + " " + at.to_string();
    if (pick) at.port = table_->picked(asked);
    table_->require_free(at);
    table_->make_room(at, sharing, loop);
    auto found = table_->find(at, loop);
    if (found == table_->all.end()) {
        found = table_->bind(at, sharing, loop, made);
        if (pick) found->picked_for = asked;
    }
    return table_->use(table_, found, executor, std::move(at));
}

listening_sockets::opened_by::opened_by(const oocrpc::any_io_executor& executor, std::string path) {
    const auto net = std::dynamic_pointer_cast<listening_sockets>(network::of(executor));
    if (!net) return;
    table_ = net->table_;
    std::lock_guard lock(table_->mutex);
    table_->opening = std::move(path);
}

listening_sockets::opened_by::~opened_by() {
    if (!table_) return;
    std::lock_guard lock(table_->mutex);
    table_->opening.clear();
}

void listening_sockets::will_end(const std::string& name) {
    std::lock_guard lock(table_->mutex);
    for (auto& e : table_->all)
        for (auto& u : e.users)
            if (within(u.path, name)) u.ending = true;
}

std::string listening_sockets::goes_on(const std::string& name) {
    std::lock_guard lock(table_->mutex);
    std::vector<user*> of_it;
    for (auto& e : table_->all)
        for (auto& u : e.users) {
            if (!within(u.path, name)) continue;
            if (const auto* other = e.other_than(u.path)) return other->path;
            of_it.push_back(&u);
        }
    for (auto* u : of_it) u->ending = false;
    return {};
}

void listening_sockets::release_unused() {
    std::lock_guard lock(table_->mutex);
    table_->all.remove_if([](const entry& e) { return e.bound && e.users.empty(); });
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
        if (e.bound || !e.users.empty()) continue;
        const auto& s = e.what;
        auto line = s.address + (s.name.empty() ? "" : " (" + s.name + ")");
        line += s.problem.empty() ? ": no listener asks for it" : ": " + s.problem;
        unused.push_back(std::move(line));
    }
    return unused;
}

} // namespace host
