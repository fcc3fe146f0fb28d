#pragma once

#include <oocrpc/codec.hpp>

namespace oocrpc {

/// The server's side of MongoDB's wire protocol (PROTOCOL section 2).
///
/// A command whose name is not one of MongoDB's own is a call: `{add: [2, 3], $db: "demo"}` calls
/// `demo.add`. MongoDB's own commands are raw calls of `database.name`, the name in lower case and
/// the body the whole command, which mongodb's layer of handlers answers; the operations of before
/// OP_MSG arrive as the commands that replaced them. Ids count up from 1.
///
/// A malformed request that can be told from the next is answered: by the `error` with id 0 that
/// is encoded after decode() has called it malformed.
class mongodb_server_codec final : public codec {
  public:
    /// `max_message` in bytes: the largest document of an answer is 16 KiB more, the largest
    /// request three times as much, but 48,000,000 at most. Depth counts documents, and
    /// `max_elements` all elements of one document of a request.
    explicit mongodb_server_codec(std::size_t max_message = 16u << 20, std::size_t max_depth = 100,
                                  std::size_t max_elements = SIZE_MAX);
    ~mongodb_server_codec() override;

    std::string_view protocol() const noexcept override { return "mongodb"; }
    decoded decode(bytes in, message& out) override;
    encoded encode(const message& m, byte_buffer& out) override;
    /// Says nothing; gives back what large requests have taken.
    void speak(byte_buffer& out) override;
    void take_at_most(std::size_t most) noexcept override;

  private:
    struct state;
    std::unique_ptr<state> state_;
};

} // namespace oocrpc
