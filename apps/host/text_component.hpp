#pragma once

#include <optional>

#include <oocrpc/components.hpp>
#include <oocrpc/plugin.hpp>

#include "listening.hpp"
#include "text_server.hpp"

namespace host {

/// A text port: binds when it starts, and drains when it stops.
class text_component final : public oocrpc::task_component, public listening {
  public:
    /// `owner`, whose plugin has the serving options, is told the address, and says what the limits
    /// are and how long the drain may take; it outlives this.
    text_component(std::string name, oocrpc::plugin_host& owner, oocrpc::host_port at,
                   text_function serve);
    std::vector<oocrpc::url> wanted() const override;
    bool asks_who(const oocrpc::url&) const override { return false; }

  protected:
    oocrpc::awaitable<void> on_start() override;
    void ask_to_end() override;

  private:
    static oocrpc::awaitable<void> run(oocrpc::plugin_host& owner, text_server bound);

    oocrpc::plugin_host& owner_;
    oocrpc::host_port at_;
    text_function serve_;
    std::optional<text_server> server_;
};

} // namespace host
