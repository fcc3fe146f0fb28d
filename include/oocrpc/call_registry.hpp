#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <unordered_map>
#include <utility>
#include <vector>

#include <oocrpc/asio.hpp>
#include <oocrpc/connection_counts.hpp>

namespace oocrpc {

/// Something that lives on one executor and that other threads know by a number.
class registered {
  public:
    explicit registered(any_io_executor home) : home_(std::move(home)) {}
    registered(const registered&) = delete;
    registered& operator=(const registered&) = delete;
    virtual ~registered() = default;
    /// Stops it; on its executor. Does nothing where it has ended already.
    virtual void end() = 0;
    const any_io_executor& home() const noexcept { return home_; }

  private:
    any_io_executor home_;
};

/// Numbers and what they stand for. Thread-safe.
///
/// Work is handed to an executor only while the table has something that lives there, so that
/// nothing is posted to a loop whose server has left().
class number_table {
  public:
    using entry = std::shared_ptr<registered>;
    /// Counted from 2^32 on, or random ones of 63 bits, which nobody guesses.
    enum class numbers { counted, random };

    explicit number_table(numbers kind) : random_(kind == numbers::random) {}

    /// Never 0.
    std::int64_t add(entry what);
    /// Null where there is none.
    entry find(std::int64_t number) const;
    std::vector<std::pair<std::int64_t, entry>> all() const;
    std::size_t size() const;
    /// False where there is none.
    bool forget(std::int64_t number);
    /// Has it end on its executor, and keeps it until it is forgotten. False where there is none.
    bool end(std::int64_t number);
    /// The same, and forgets it at once.
    bool remove(std::int64_t number);
    /// Runs `f` on its executor. False where there is none.
    template <class F> bool post(std::int64_t number, F f) {
        std::lock_guard lock(mutex_);
        const auto at = entries_.find(number);
        if (at == entries_.end()) return false;
        asio::post(at->second->home(), std::move(f));
        return true;
    }
    /// Forgets all that lives on `home`, and returns it.
    std::vector<entry> take_all(const any_io_executor& home);

  private:
    std::int64_t next_number();

    mutable std::mutex mutex_;
    std::unordered_map<std::int64_t, entry> entries_;
    std::int64_t last_ = std::int64_t{1} << 32;
    const bool random_;
};

/// What the servers of one port share, one server for each thread: open cursors, which a client
/// may go on with on another connection, suspended calls, which another one may cancel, and how
/// many connections there are.
///
/// Thread-safe. What it holds belongs to the servers' loops: each server takes its own out when it
/// ends.
class call_registry {
  public:
    number_table cursors{number_table::numbers::random};
    number_table calls{number_table::numbers::counted};
    connection_counts connections;

    /// A number for a connection, from 1 on.
    std::int32_t number_connection() noexcept { return ++last_connection_; }
    /// A server's loop is about to go: ends its cursors and forgets its calls, which end with
    /// their connections. On `home`, or once it does not run any more.
    void leave(const any_io_executor& home);

  private:
    std::atomic<std::int32_t> last_connection_{0};
};

} // namespace oocrpc
