#pragma once

#include <array>
#include <cstddef>
#include <streambuf>
#include <string>

#include "exit_code.hpp"

namespace oocrpc::cli {

/// Bytes of a file, in blocks, as they come, with the offset of the next one.
///
/// Throws std::system_error where the file cannot be read, and data_error behind the limit. The
/// file stays the caller's.
class input : public std::streambuf {
  public:
    explicit input(int file) : file_(file) {}

    /// How many bytes were taken.
    std::size_t offset() const noexcept {
        return before_ + static_cast<std::size_t>(gptr() - eback());
    }
    /// From here on about so many bytes can be taken; the error says that `what` is too long.
    void limit(std::size_t bytes, std::string what);
    void lift_limit() noexcept { end_ = no_limit; }

  private:
    static constexpr auto no_limit = static_cast<std::size_t>(-1);

    int_type underflow() override;

    int file_;
    std::size_t before_ = 0; // bytes taken before the block
    std::size_t end_ = no_limit;
    std::string what_;
    std::array<char, 65536> block_;
};

} // namespace oocrpc::cli
