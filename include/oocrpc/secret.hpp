#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>

namespace oocrpc {

/// A password or a key: its bytes are overwritten before their memory is given back.
///
/// Moves and does not copy; a moved-from secret is empty.
class secret {
  public:
    secret() = default;
    /// A copy of `text`; what it was copied from is its owner's to overwrite (`cleanse()`).
    explicit secret(std::string_view text);
    /// `size` bytes that are zero, to be filled.
    explicit secret(std::size_t size);
    secret(secret&& other) noexcept;
    secret& operator=(secret&& other) noexcept;
    ~secret();

    std::string_view view() const noexcept { return {data_.get(), size_}; }
    char* data() noexcept { return data_.get(); }
    std::size_t size() const noexcept { return size_; }
    bool empty() const noexcept { return size_ == 0; }

  private:
    std::unique_ptr<char[]> data_;
    std::size_t size_ = 0;
};

/// Overwrites all that `text` holds or has held in its present memory, and empties it.
void cleanse(std::string& text) noexcept;

} // namespace oocrpc
