#pragma once

#include "served.hpp"
#include "settings.hpp"
#include "tls_settings.hpp"

namespace host {

/// What a plugin sees of the host while it makes one component, and as long as that lives.
class component_host final : public oocrpc::plugin_host {
  public:
    component_host(component_settings settings, serving& with,
                   std::chrono::milliseconds drain_timeout);

    const std::string& name() const override { return settings_.name; }
    const oocrpc::option_values& options() const override { return settings_.values; }
    oocrpc::any_io_executor executor() override;
    std::unique_ptr<oocrpc::component> serve(oocrpc::handler h, oocrpc::serve_options how) override;
    oocrpc::awaitable<void> tree_started() override;
    std::chrono::milliseconds drain_timeout() const override { return drain_timeout_; }
    std::shared_ptr<oocrpc::memory_budget> memory() const override { return with_.memory; }
    void also_ready_on(std::string address) override;
    void hint(std::string lines) override { hints_.push_back(std::move(lines)); }
    void log(oocrpc::log_level level, std::string_view message, oocrpc::log_fields fields) override;

    const component_settings& settings() const noexcept { return settings_; }
    /// Where it is served, for the ready line.
    std::vector<std::string> addresses() const;
    const std::vector<std::string>& hints() const noexcept { return hints_; }
    /// The certificates that its servers use.
    const std::vector<std::shared_ptr<oocrpc::tls_server>>& tls() const noexcept { return tls_; }

  private:
    void set_limits(oocrpc::server_options& server) const;

    component_settings settings_;
    serving& with_;
    std::chrono::milliseconds drain_timeout_;
    std::vector<const served*> served_; // owned by the component that was made
    std::vector<std::shared_ptr<oocrpc::tls_server>> tls_;
    std::vector<std::string> also_, hints_;
};

} // namespace host
