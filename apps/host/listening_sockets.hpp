#pragma once

#include <list>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include <asio/io_context.hpp>

#include <oocrpc/network.hpp>

#include "inherited_sockets.hpp"

namespace host {

/// The network of a daemon's loops: it keeps listening sockets while components come and go, and
/// uses those that the process was given.
///
/// Where listen() is asked for an address again on the same loop, however it is written, it gives
/// the socket that is bound there already, so that a component can be replaced by one that starts
/// before it stops, and no connection is refused or lost from the backlog. That is for one
/// component and its replacement (see opened_by): another one is refused. Port 0 picks a port, and
/// gives a component the one that was picked for it before, while that socket is there; the other
/// loops ask for the port that the listener's address() tells.
///
/// An inherited socket is shared by all loops, and so is a Unix socket where port_sharing is
/// `shared`; TCP with `shared` is bound for each loop by itself, once it is known that no other
/// process has the port.
///
/// One for all loops; thread-safe. Listeners may outlive it. connect() is the system's.
class listening_sockets final : public oocrpc::network {
    struct user;
    struct entry;
    struct table;

  public:
    /// Takes what the process inherited.
    explicit listening_sockets(std::vector<inherited_socket> inherited = {});
    ~listening_sockets() override;

    oocrpc::awaitable<std::unique_ptr<oocrpc::byte_stream>>
    connect(oocrpc::url to, std::source_location made) override;
    std::unique_ptr<oocrpc::listener> listen(oocrpc::any_io_executor executor, oocrpc::url at,
                                             oocrpc::port_sharing sharing,
                                             std::source_location made) override;

    /// Says for which component listeners are opened, as long as it lives.
    ///
    /// Those of one path share an address; without a path, so do those who have none. On the thread
    /// of the first loop, one at a time; does nothing where `executor` has another network.
    class opened_by {
      public:
        opened_by(const oocrpc::any_io_executor& executor, std::string path);
        ~opened_by();
        opened_by(const opened_by&) = delete;

      private:
        std::shared_ptr<table> table_;
    };
    /// The component of that name is about to end, so that others may listen where it does now, it
    /// and what is below it.
    void will_end(const std::string& name);
    /// It goes on after all: nobody else may listen there, unless one does already. Then nothing
    /// changes, and this returns the path of that one; else it is empty.
    std::string goes_on(const std::string& name);

    /// Closes what was bound here and no listener uses any more, and only then removes the files of
    /// Unix sockets: after a reload. Inherited sockets stay for the next reload. After chroot a
    /// file is not found by its old path and stays; the next start replaces it.
    void release_unused();
    /// From here on a socket closes with its last listener: when the drain begins, so that clients
    /// are refused and go elsewhere instead of waiting in the backlog of a daemon that ends.
    void stop_keeping();
    /// The inherited sockets that no listener uses: a line for the log each.
    std::vector<std::string> unused_inherited() const;

  private:
    class shared_listener;

    std::shared_ptr<table> table_;
};

} // namespace host
