#pragma once

#include <algorithm>
#include <initializer_list>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace oocrpc {

/// The metadata of a call or a reply: names and texts, such as `traceparent`, that travel beside
/// the arguments and keep their order. Few by nature, so a look-up walks them; most calls have
/// none, which takes a pointer and no memory.
class metadata {
  public:
    using entry = std::pair<std::string, std::string>;

    metadata() = default;
    metadata(std::initializer_list<entry> entries) : entries_(new list(entries)) {}
    metadata(metadata&&) noexcept = default;
    metadata& operator=(metadata&&) noexcept = default;
    metadata(const metadata& other)
        : entries_(other.empty() ? nullptr : new list(*other.entries_)) {}
    metadata& operator=(const metadata& other) { return *this = metadata(other); }

    /// Sets `name` to `text`, replacing what it had.
    void set(std::string_view name, std::string_view text) {
        for (auto& [key, value] : all())
            if (key == name) return void(value = text);
        add(name, text);
    }
    /// Appends without looking for `name`: for what arrives, so that no peer can make us search.
    void add(std::string_view name, std::string_view text) { all().emplace_back(name, text); }
    /// The text of `name`, or null where it is not set.
    const std::string* find(std::string_view name) const noexcept {
        for (auto& [key, value] : *this)
            if (key == name) return &value;
        return nullptr;
    }

    /// Removes all that is called `name`.
    void remove(std::string_view name) {
        if (entries_) std::erase_if(*entries_, [&](const entry& e) { return e.first == name; });
    }

    bool empty() const noexcept { return size() == 0; }
    std::size_t size() const noexcept { return entries_ ? entries_->size() : 0; }
    const entry* begin() const noexcept { return entries_ ? entries_->data() : nullptr; }
    const entry* end() const noexcept { return begin() + size(); }
    friend bool operator==(const metadata& a, const metadata& b) {
        return std::equal(a.begin(), a.end(), b.begin(), b.end());
    }

  private:
    using list = std::vector<entry>;

    list& all() {
        if (!entries_) entries_ = std::make_unique<list>();
        return *entries_;
    }

    std::unique_ptr<list> entries_;
};

} // namespace oocrpc
