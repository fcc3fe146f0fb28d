#pragma once

#include <memory>
#include <source_location>
#include <string>
#include <vector>

#include <asio/execution_context.hpp>

#include <oocrpc/asio.hpp>
#include <oocrpc/clock.hpp>

namespace oocrpc {

/// The tasks of one execution context that have not ended: where each was started, and when.
///
/// What a daemon writes to its log when it is asked what it waits for, and what a test finds left
/// behind. Made on first use, owned by the context. Thread-safe.
///
/// Listed is what task_group::spawn() starts, such as what a component runs, and a client's attempt
/// to connect. What a coroutine awaits is part of it and not listed: calls, the children of
/// when_all(), with_deadline() and the like, the accept loops of server::run(). Nor is what Asio's
/// co_spawn() starts.
class task_list : public asio::execution_context::service {
  public:
    using key_type = task_list;
    inline static asio::execution_context::id id;

    struct item {
        std::source_location made; ///< where it was started
        time_point since;          ///< on the clock of the context
        std::string owner;         ///< its group's name, such as the path of a component
    };

    static task_list& of(asio::execution_context& context);
    static task_list& of(const any_io_executor& ex);

    explicit task_list(asio::execution_context& context);
    ~task_list() override;

    /// Oldest first.
    std::vector<item> all() const;

    /// One task, in the list as long as this lives, which may be longer than the context does.
    class entry {
      public:
        entry(const any_io_executor& ex, std::source_location made, std::string owner = {});
        entry(const entry&) = delete;
        entry& operator=(const entry&) = delete;
        ~entry();

        const std::source_location& made() const noexcept { return what_.made; }

      private:
        friend task_list;
        struct list;

        item what_;
        std::shared_ptr<list> in_;
        entry* previous_ = nullptr;
        entry* next_ = nullptr;
    };

  private:
    void shutdown() override {}

    std::shared_ptr<entry::list> list_;
};

} // namespace oocrpc
