#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace oocrpc {

/// The metadata of a call or a reply: names and texts, such as `traceparent`, that travel beside
/// the arguments and keep their order. Few by nature, so a look-up walks them.
class metadata {
  public:
    using entry = std::pair<std::string, std::string>;

    metadata() = default;
    metadata(std::initializer_list<entry> entries) : entries_(entries) {}

    /// Sets `name` to `text`, replacing what it had.
    void set(std::string_view name, std::string_view text) {
        for (auto& [key, value] : entries_)
            if (key == name) return void(value = text);
        entries_.emplace_back(name, text);
    }
    /// Appends without looking for `name`: for what arrives, so that no peer can make us search.
    void add(std::string_view name, std::string_view text) { entries_.emplace_back(name, text); }
    /// The text of `name`, or null where it is not set.
    const std::string* find(std::string_view name) const noexcept {
        for (auto& [key, value] : entries_)
            if (key == name) return &value;
        return nullptr;
    }

    bool empty() const noexcept { return entries_.empty(); }
    std::size_t size() const noexcept { return entries_.size(); }
    auto begin() const noexcept { return entries_.begin(); }
    auto end() const noexcept { return entries_.end(); }
    bool operator==(const metadata&) const = default;

  private:
    std::vector<entry> entries_;
};

} // namespace oocrpc
