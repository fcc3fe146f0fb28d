#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <oocrpc/component.hpp>
#include <oocrpc/plugin.hpp>

#include "counters.hpp"
#include "gate.hpp"
#include "listening.hpp"
#include "workers.hpp"

namespace host {

/// What all components of a host share that serve.
struct serving {
    workers& loops;
    gate& begin; ///< nobody is served before it is open
    std::shared_ptr<call_counters> counters;
    std::shared_ptr<const oocrpc::access_control> access; ///< null: nobody has to log in
    std::shared_ptr<oocrpc::memory_budget> memory;
    std::function<void(oocrpc::log_level, const std::string& component, std::string_view message,
                       const oocrpc::log_fields&)>
        log; ///< thread-safe
};

/// Serves a handler at some URLs, on one loop or all of them: a server for each.
///
/// Binds when it starts, accepts when the gate opens, drains when it stops. Lives on the first
/// loop, also where it serves on others.
class served final : public oocrpc::component, public listening {
  public:
    served(std::string name, serving& with, oocrpc::handler h, oocrpc::serve_options how);
    ~served() override;

    /// Where it listens, while it runs.
    const std::vector<oocrpc::url>& addresses() const noexcept { return addresses_; }
    std::vector<oocrpc::url> wanted() const override;
    bool asks_who(const oocrpc::url& at) const override;

  protected:
    oocrpc::awaitable<void> on_start() override;
    oocrpc::awaitable<void> on_stop() override;

  private:
    struct lane;
    struct run_state;

    void listen(run_state& state);
    oocrpc::server_options logged_options() const;
    void log(oocrpc::log_level level, std::string_view message,
             const oocrpc::log_fields& fields) const;

    serving& with_;
    oocrpc::handler handler_;
    oocrpc::serve_options how_;
    std::vector<oocrpc::url> addresses_;
    std::shared_ptr<run_state> state_;
};

} // namespace host
