#include "input.hpp"

#include <algorithm>
#include <cerrno>
#include <system_error>

#include <unistd.h>

namespace oocrpc::cli {

void input::limit(std::size_t bytes, std::string what) {
    end_ = offset() + bytes;
    what_ = std::move(what);
}

input::int_type input::underflow() {
    const auto at = offset();
    if (at >= end_) throw data_error("byte " + std::to_string(at) + ": " + what_ + " is too long");
    ssize_t got;
    do got = ::read(file_, block_.data(), block_.size());
    while (got < 0 && errno == EINTR);
    if (got < 0) throw std::system_error(errno, std::generic_category(), "stdin");
    before_ = at;
    setg(block_.data(), block_.data(), block_.data() + got);
    return got ? traits_type::to_int_type(*gptr()) : traits_type::eof();
}

} // namespace oocrpc::cli
