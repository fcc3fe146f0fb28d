#pragma once

#include <map>
#include <memory>
#include <set>

#include <oocrpc/application.hpp>

#include "component_host.hpp"
#include "log.hpp"

namespace host {

/// What an error says, for the log.
std::string text_of(const std::exception_ptr& e);

/// The components of the process, as its settings say, and their replacement when those change.
///
/// Lives on the first loop.
class tree {
  public:
    /// Makes all components. Throws what a plugin throws, as a failure that names the component.
    tree(settings all, workers& loops, log& to, oocrpc::application_options how);
    ~tree();

    /// As oocrpc::application::run().
    oocrpc::awaitable<int> run() { return root_.run(); }
    bool running() const noexcept { return root_.running(); }
    /// Lets the components serve, from now on: to be called once they have started.
    void open_gate() { begin_.open(); }

    /// What reload() did.
    struct changes {
        std::vector<std::string> added, replaced, removed, failed;
        bool none() const noexcept {
            return added.empty() && replaced.empty() && removed.empty() && failed.empty();
        }
    };
    /// Makes the tree what `next` says: components whose settings are the same go on untouched, one
    /// that is replaced runs until the new one has started, and where that does not start, goes on.
    /// The order in which components were started stays. Throws a failure where a plugin refuses
    /// its settings; then nothing has changed.
    oocrpc::awaitable<changes> reload(settings next);

    const settings& current() const noexcept { return settings_; }
    /// Where all of it is served, for people: `oocrpc://127.0.0.1:9000, text 127.0.0.1:9001`.
    std::string addresses() const;
    std::string hints() const;
    call_stats calls() const noexcept { return counters_->now(); }
    /// What failed, where the application stopped because of it.
    std::exception_ptr failure() const noexcept { return root_.failure(); }

  private:
    struct member {
        std::unique_ptr<component_host> host;
        std::unique_ptr<oocrpc::component> made; // until it is in the tree
    };

    member make(const component_settings& s);
    oocrpc::awaitable<void> remove(std::string name, changes& done);
    oocrpc::awaitable<void> put(member m, changes& done);
    oocrpc::awaitable<void> end(std::unique_ptr<oocrpc::component> old);
    void on_event(const oocrpc::component_event& e) const;

    settings settings_;
    log& log_;
    gate begin_;
    std::shared_ptr<call_counters> counters_ = std::make_shared<call_counters>();
    serving serving_;
    // Outlives the components, which use it.
    std::map<std::string, std::unique_ptr<component_host>> hosts_;
    oocrpc::application root_;
};

} // namespace host
