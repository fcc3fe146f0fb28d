#pragma once

#include <functional>
#include <utility>
#include <vector>

namespace host {

/// What has to happen before anybody is served: all components have started, and privileges are
/// dropped. Used on the first loop.
class gate {
  public:
    bool is_open() const noexcept { return open_; }
    /// Calls `f` when it opens, at once where it is open.
    void when_open(std::function<void()> f) {
        if (open_) return f();
        waiting_.push_back(std::move(f));
    }
    void open() {
        open_ = true;
        for (auto& f : std::exchange(waiting_, {})) f();
    }

  private:
    std::vector<std::function<void()>> waiting_;
    bool open_ = false;
};

} // namespace host
