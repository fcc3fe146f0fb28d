#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <vector>

#include <oocrpc/handler.hpp>
#include <oocrpc/method.hpp>

#include "host/counters.hpp"
#include "host/text_server.hpp"

namespace poetry {

struct poem {
    std::string name; ///< of its file, without directory and extension
    std::string text; ///< UTF-8
};

/// Reads a poem. Throws host::failure(no_input) that names the file.
poem read_poem(const std::string& path);

/// How slowly poems are told: `bytes` at a time, then a pause. 0 bytes: all at once.
struct pace {
    std::size_t bytes = 0;
    std::chrono::milliseconds delay{0};
};

// The methods as a client calls them; README.md says what they do.
inline constexpr oocrpc::method<std::string(std::optional<std::string>)> get_poem{"poetry.get_poem",
                                                                                  {"name"}};
inline constexpr oocrpc::method<std::vector<std::string>()> list{"poetry.list"};
inline constexpr oocrpc::method<host::call_stats()> get_stats{"poetry.stats"};

/// The poetry service, for RPC and for text ports.
///
/// Copies share the poems and the counters. Serves any number of threads.
class poems {
  public:
    /// Throws host::failure(usage_error) where there is no poem, or two have one name.
    explicit poems(std::vector<poem> all, pace how = {});

    oocrpc::handler handler() const;
    /// Writes the first poem to whoever connects.
    host::text_function text() const;
    /// Of the poems that are told, by both ways.
    host::call_stats now() const;

    struct shelf;

  private:
    std::shared_ptr<shelf> shelf_;
};

} // namespace poetry
