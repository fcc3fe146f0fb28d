#pragma once

#include <string>

#include "wire.hpp"

namespace oocrpc::mongodb {

/// Walks one message from behind its header; the first thing that is wrong stays as `fault`.
class wire_reader {
  public:
    wire_reader(bytes message, opcode operation, document_limits limits)
        : all_(message),
          end_(message.size()),
          limits_(limits),
          operation_(operation) {}

    std::size_t at() const noexcept { return at_; }
    std::size_t left() const noexcept { return end_ - at_; }
    bytes rest() const noexcept { return all_.subspan(at_, left()); }
    /// What follows ends `n` bytes earlier.
    void shorten(std::size_t n) noexcept { end_ -= n; }

    bool fail(std::string_view what) { return fail(what, at_); }
    bool fail(std::string_view what, std::size_t at);
    template <class T> bool number(T& out, std::string_view what) {
        if (left() < sizeof(T)) return fail(std::string(what) + " is cut off");
        out = detail::load_le<T>(all_.data() + at_);
        at_ += sizeof(T);
        return true;
    }
    /// A text that ends with NUL.
    bool text(std::string_view& out, std::string_view what);
    /// One valid document.
    bool document(bytes& out);
    /// The same, whose elements are told to `each` on the way.
    bool document(bytes& out, element_reader& each);
    /// Valid documents up to `to`, which is not behind the end. Those of all runs of the message
    /// count; the first that is too many, and what is behind it, is not looked at.
    bool document_run(std::size_t to, bytes& out, std::size_t& count);
    bool end() { return left() == 0 || fail("bytes are left over"); }

    std::string fault;
    bool too_many = false; ///< documents; nothing else is wrong by there

  private:
    bool framed(bytes& out);

    bytes all_;
    std::size_t at_ = header_size;
    std::size_t end_;
    std::size_t documents_ = 0; // of the runs so far
    document_limits limits_;
    opcode operation_;
};

} // namespace oocrpc::mongodb
