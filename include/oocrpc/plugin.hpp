#pragma once

#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <asio/version.hpp>

#include <oocrpc/component.hpp>
#include <oocrpc/handler.hpp>
#include <oocrpc/option.hpp>
#include <oocrpc/server.hpp>

namespace oocrpc {

#define OOCRPC_TEXT_OF_(x) #x
#define OOCRPC_TEXT_OF(x) OOCRPC_TEXT_OF_(x)
/// What a plugin and its host must have been compiled with alike: versions of the library and of
/// the interfaces below, of Asio and the size of its cache, and of the C++ ABI.
inline constexpr char plugin_abi[] =
    "oocrpc 0.1 plugin 1 asio " OOCRPC_TEXT_OF(ASIO_VERSION) " cache " OOCRPC_TEXT_OF(
        ASIO_RECYCLING_ALLOCATOR_CACHE_SIZE) " c++abi " OOCRPC_TEXT_OF(__GXX_ABI_VERSION);
#undef OOCRPC_TEXT_OF
#undef OOCRPC_TEXT_OF_

enum class log_level { debug, info, warn, error };

/// Names and values that go with a log message.
using log_fields = std::vector<std::pair<std::string, std::string>>;

/// How a plugin's handler is served.
struct serve_options {
    server_options server; ///< limits come from the plugin's serving options
    /// Whether the handler may be called on all threads of the host; else the first one serves.
    bool all_threads = true;
    /// The URLs; empty: those of the option `listen`.
    std::vector<std::string> urls;
    /// The component's name; empty: that of the component to be made.
    std::string name;
};

/// What a host gives to the plugin that makes one component of its tree.
///
/// Lives as long as the component. Used on the host's first thread, except log(), which is
/// thread-safe.
class plugin_host {
  public:
    /// The name of the component to be made, unique in the tree.
    virtual const std::string& name() const = 0;
    /// Valid values of the plugin's options, and of the serving options where it has them.
    virtual const option_values& options() const = 0;
    /// The first thread's loop, on which components start and stop.
    virtual any_io_executor executor() = 0;
    /// A component that serves `h`: binds when it starts, accepts once the whole tree has started
    /// and privileges are dropped, drains when it stops. Its calls are counted, listed and
    /// cancelled at drain as all of the host's.
    virtual std::unique_ptr<component> serve(handler h, serve_options how = {}) = 0;
    /// Returns when the whole tree has started and privileges are dropped: what accepts by itself
    /// waits for it.
    virtual awaitable<void> tree_started() = 0;
    /// How long stopping may take.
    virtual std::chrono::milliseconds drain_timeout() const = 0;
    /// What the connections of all components may hold together, for clients of the component.
    virtual std::shared_ptr<memory_budget> memory() const = 0;
    /// Says where else it accepts, for the ready line: `text 127.0.0.1:10001`. Before it has
    /// started.
    virtual void also_ready_on(std::string address) = 0;
    /// Lines to print below the ready line, for a person who tries the program.
    virtual void hint(std::string lines) = 0;
    /// Writes to the host's log, in the component's name.
    virtual void log(log_level level, std::string_view message, log_fields fields = {}) = 0;

  protected:
    ~plugin_host() = default;
};

/// A kind of service that a host can run.
///
/// A shared object exports one under the name `oocrpc_plugin`:
///
///     extern "C" const oocrpc::plugin oocrpc_plugin{
///         oocrpc::plugin_abi, "hello", "Says hello", options, true, make};
struct plugin {
    const char* abi; ///< plugin_abi; the first member for ever, since it is read before the others
    const char* name;
    const char* description; ///< one line
    std::span<const option> options;
    bool serves; ///< has the serving options as well: --listen and the limits
    /// Makes a component by the host's options. What it throws is told to the user.
    std::unique_ptr<component> (*make)(plugin_host& host);
};

} // namespace oocrpc
