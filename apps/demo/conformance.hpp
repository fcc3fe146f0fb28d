#pragma once

#include <oocrpc/handler.hpp>
#include <oocrpc/server.hpp>

#include "methods.hpp"

namespace demo {

/// The conformance service: what every client of the protocol is tested with.
///
/// Copies share the counters. One object serves any number of servers and threads.
class conformance {
  public:
    conformance();

    /// The service below the layer that counts its calls.
    const oocrpc::handler& handler() const noexcept { return serve_; }
    /// Counts the connections of servers with these options, before what is set there already.
    void watch(oocrpc::server_options& options) const;
    stats now() const;

  private:
    struct counters;
    std::shared_ptr<counters> counters_;
    oocrpc::handler serve_;
};

} // namespace demo
