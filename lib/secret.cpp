#include <oocrpc/secret.hpp>

#include <algorithm>
#include <utility>

#include <openssl/crypto.h>

namespace oocrpc {

secret::secret(std::string_view text) : secret(text.size()) {
    std::ranges::copy(text, data_.get());
}

secret::secret(std::size_t size) : data_(std::make_unique<char[]>(size)), size_(size) {}

secret::secret(secret&& other) noexcept
    : data_(std::move(other.data_)),
      size_(std::exchange(other.size_, 0)) {}

secret& secret::operator=(secret&& other) noexcept {
    secret moved(std::move(other));
    std::swap(data_, moved.data_);
    std::swap(size_, moved.size_);
    return *this;
}

secret::~secret() {
    OPENSSL_cleanse(data_.get(), size_);
}

void cleanse(std::string& text) noexcept {
    // Never reallocates: all of the memory, since what the text held before may have been longer.
    text.resize(text.capacity());
    OPENSSL_cleanse(text.data(), text.size());
    text.clear();
}

} // namespace oocrpc
