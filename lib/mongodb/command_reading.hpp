#pragma once

#include <span>
#include <string>
#include <string_view>

#include <oocrpc/message.hpp>

#include "wire.hpp"

namespace oocrpc::mongodb {

/// What a command document says; views into it.
struct command {
    std::string_view name;      ///< the first key
    bson::value_view value;     ///< and its value
    std::string_view database;  ///< `$db`, empty where it is missing
    std::int64_t max_time = -1; ///< `maxTimeMS` in milliseconds, -1 none
    std::int32_t credit = 0;    ///< `$oocrpc.stream`, else `batchSize` beside the arguments
    bytes meta;                 ///< `$oocrpc.meta`, empty where it is missing
    bool further = false;       ///< keys follow the first that are arguments
    std::string wrong;          ///< what this one command cannot mean; the message is well-formed
};

/// Reads a command, element by element; end() returns what is wrong, or an empty text.
class command_reader final : public element_reader {
  public:
    explicit command_reader(command& out) noexcept : out_(out) {}

    void read(const bson::element& e) override;
    std::string end();

  private:
    void max_time(bson::value_view v);

    command& out_;
    bool first_ = true;
    std::int64_t batch_ = 0;
    bson::value_view extras_ = absent;
    std::string_view why_;
};
/// The same for a document that is validated.
std::string read_command(bytes document, command& out);

/// Appends `document` with each section as an array field behind its own.
void merge(bytes document, std::span<const section> sections, byte_buffer& out);

/// The arguments of a call that `c` stands for (PROTOCOL 2.1); `scratch` takes what has to be
/// built for it. `document` is what `c` was read from.
bson::value_view arguments(const command& c, bytes document, std::span<const section> sections,
                           byte_buffer& scratch);

/// Copies the texts of `$oocrpc.meta`.
void read_meta(const command& c, metadata& out);

} // namespace oocrpc::mongodb
