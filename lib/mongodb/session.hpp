#pragma once

#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include <oocrpc/call_registry.hpp>

#include "cursor.hpp"

namespace oocrpc::mongodb {

/// A method as a command's first key or a collection's name found it.
struct known_method {
    std::string target;                  ///< what to call
    std::vector<std::string> parameters; ///< their names, in order
    bool streams = false;
    bool described = false; ///< false: nobody describes it, it may be there all the same

    bool takes(std::string_view parameter) const noexcept;
};

/// What is remembered for one connection; destroyed with its end, on its executor.
class session {
  public:
    session() = default;
    session(const session&) = delete;
    session& operator=(const session&) = delete;
    /// Ends the cursors that this connection used last.
    ~session();

    /// The method that `name`, `database.command`, stands for, or null where nobody asked yet.
    const std::shared_ptr<const known_method>& find(std::string_view name);
    void remember(std::string name, std::shared_ptr<const known_method> m, std::size_t most);

    /// Throws `overloaded` where the connection has as many cursors as it may.
    void require_room(std::size_t most);
    /// From now on the cursor ends with this connection, and counts for it.
    void use(const std::shared_ptr<cursor>& c, const std::shared_ptr<call_registry>& registry);
    /// The same for one that another connection may have used until now. Throws `overloaded` where
    /// this one would have more cursors than `most`, or keep more than it may.
    void take_over(const std::shared_ptr<cursor>& c, const std::shared_ptr<call_registry>& registry,
                   std::size_t most, const command_options& options);
    /// Throws `overloaded` where its cursors keep more than they may, `more` bytes counted in.
    void require_memory(const command_options& options, std::size_t more = 0);

    /// The number that hello tells.
    std::int32_t number(call_registry& registry);

  private:
    struct hash {
        using is_transparent = void;
        std::size_t operator()(std::string_view s) const noexcept {
            return std::hash<std::string_view>()(s);
        }
    };
    void forget_ended();

    std::unordered_map<std::string, std::shared_ptr<const known_method>, hash, std::equal_to<>>
        methods_;                                            // nothing is ever taken out
    const decltype(methods_)::value_type* latest_ = nullptr; // found
    std::vector<std::weak_ptr<cursor>> cursors_;
    std::shared_ptr<call_registry> registry_;
    std::int32_t number_ = 0;
};

} // namespace oocrpc::mongodb
