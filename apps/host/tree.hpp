#pragma once

#include <functional>
#include <map>
#include <memory>
#include <set>

#include <oocrpc/application.hpp>

#include "component_host.hpp"
#include "listening_sockets.hpp"
#include "log.hpp"

namespace host {

/// What an error says, for the log.
std::string text_of(const std::exception_ptr& e);

/// The components of the process, as its settings say, and their replacement when those change.
///
/// Lives on the first loop.
class tree {
  public:
    /// Makes all components, which bind nothing yet. `sockets` is the network of `loops`, `access`
    /// null where nobody has to log in. Throws
    /// what a plugin throws, as a failure that names the component.
    tree(settings all, workers& loops, listening_sockets& sockets,
         std::shared_ptr<const oocrpc::access_control> access, log& to,
         oocrpc::application_options how);
    ~tree();

    /// As oocrpc::application::run().
    oocrpc::awaitable<int> run() { return root_.run(); }
    bool running() const noexcept { return root_.running(); }
    /// Lets the components serve, from now on: to be called once they have started.
    void open_gate() { begin_.open(); }

    /// What reload() did.
    struct changes {
        std::vector<std::string> added, replaced, removed, failed;
        std::vector<std::string> renewed; ///< others, whose certificates are new
    };
    /// Makes the tree what `next` says; components whose settings are the same go on untouched, but
    /// for certificates whose files have new contents: their next connections get these.
    ///
    /// First all start that are new or replace another, on the sockets of those that go, wherever
    /// an address moves to; then those that go drain, side by side, for the drain timeout, after
    /// which they are cancelled. One that does not start leaves the old one running, unless another
    /// has its address by then. The order in which components were started stays. Throws a failure
    /// where a plugin refuses its settings or a certificate cannot be used; then nothing has
    /// changed. `accepted` is called once none of that can happen any more, before all changes.
    /// Being cancelled cuts the drain short.
    oocrpc::awaitable<changes> reload(settings next, std::function<void()> accepted);

    const oocrpc::component_group& root() const noexcept { return root_; }
    const settings& current() const noexcept { return settings_; }
    /// Where all of it is served, for people: `oocrpc://127.0.0.1:9000, text 127.0.0.1:9001`.
    std::string addresses() const;
    std::string hints() const;
    call_stats calls() const noexcept { return counters_->now(); }

  private:
    /// A component and what it sees of the host, which it uses to its end.
    struct member {
        std::unique_ptr<component_host> host;
        std::unique_ptr<oocrpc::component> what; // null: it is in the tree
    };

    member make(const component_settings& s, const oocrpc::option_values& host);
    std::vector<member> make_changed(const settings& next);
    std::vector<renewed_files> read_certificates(const std::vector<member>& made) const;
    void announce_end(const std::vector<member>& made, const settings& next);
    oocrpc::awaitable<void> put(member m, changes& done, std::vector<member>& old);
    void keep(const std::string& name, std::vector<member>& old);
    void take(settings next, changes& done, std::vector<member>& old);
    oocrpc::awaitable<void> drain(std::vector<member> old);
    oocrpc::awaitable<void> stop(member old);
    void on_event(const oocrpc::component_event& e) const;

    settings settings_;
    listening_sockets& sockets_;
    log& log_;
    gate begin_;
    std::shared_ptr<call_counters> counters_ = std::make_shared<call_counters>();
    serving serving_;
    // Outlives the components, which use it.
    std::map<std::string, std::unique_ptr<component_host>> hosts_;
    oocrpc::application root_;
};

} // namespace host
