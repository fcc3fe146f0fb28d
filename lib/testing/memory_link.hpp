#pragma once

#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <vector>

#include <oocrpc/clock.hpp>
#include <oocrpc/promise.hpp>
#include <oocrpc/stream.hpp>

#include "../waiting_operation.hpp"

namespace oocrpc::testing::detail {

class memory_link;
struct listening;

/// The bytes that may still go one way before their connection breaks.
using budget = std::optional<std::size_t>;

/// What is common to all connections of one host.
struct host_state {
    explicit host_state(std::string its_name) : name(std::move(its_name)) {}

    const std::string name;
    duration delay{};
    std::size_t split = 0;
    budget receives, sends;
    bool refusing = false;
    bool partitioned = false;
    std::optional<promise<void>> healed;
    std::vector<memory_link*> links;
    std::vector<std::shared_ptr<listening>> listeners; ///< those that are open
    std::uint16_t last_port = 49151;                   ///< of those picked for port 0
};

/// One direction of a connection: what is being written, is on its way, and has arrived.
class lane {
  public:
    lane(host_state& host, budget& left, const any_io_executor& from, const any_io_executor& to,
         const std::source_location& made);

    void read_some(asio::mutable_buffer into, std::shared_ptr<stream_user> user,
                   std::shared_ptr<memory_link> keep);
    void write(bytes from, std::shared_ptr<stream_user> user, std::shared_ptr<memory_link> keep);
    /// The writer sends no more; where it closes, it does not read `back` either.
    void end(lane* back);
    void stop_reading();
    void lose();
    void move_on();
    /// Before the loop is destroyed: nothing happens from here on.
    void leave_loop() { loop_.reset(); }
    bool over() const noexcept { return ended_ || lost_; }
    bool read_from() const noexcept { return !reader_gone_; }

  private:
    struct piece {
        time_point due{};
        std::string data{};   // none: the end, or
        bool reset = false;   // the end of both directions, or
        lane* back = nullptr; // the end with nobody reading there any more
    };
    /// What must not outlive the loop.
    struct loop_parts {
        loop_parts(const any_io_executor& from, const any_io_executor& to,
                   const std::source_location& made)
            : time(clock::of(to)),
              writing(from),
              reading(to),
              arrival(to, made) {}

        clock& time;
        waiting_operation writing, reading;
        timer arrival;
    };
    void put(piece p);
    void send_pending();
    void deliver();
    void arrive(piece p);
    void complete_read(asio::mutable_buffer into, stream_user& user);

    host_state& host_;
    budget& left_;
    bytes pending_; // the rest of what is being written; the writer keeps it
    std::deque<piece> on_the_way_;
    std::size_t size_on_the_way_ = 0;
    byte_buffer arrived_;
    bool sent_all_ = false; // the writer has ended, or its connection breaks when that arrives
    bool ended_ = false;    // the end has arrived
    bool lost_ = false;     // the connection broke
    bool writer_gone_ = false;
    bool reader_gone_ = false;
    bool refused_ = false; // the writer knows that nobody reads
    std::optional<loop_parts> loop_;

  public:
    memory_link* link = nullptr;
};

/// A connection: two lanes, shared by its two ends.
class memory_link : public std::enable_shared_from_this<memory_link> {
  public:
    struct side {
        any_io_executor executor;
        std::string address;
        std::source_location made;
    };
    memory_link(std::shared_ptr<host_state> host, side test, side at_host);
    memory_link(memory_link&&) = delete;
    ~memory_link();

    std::unique_ptr<byte_stream> test_end();
    std::unique_ptr<byte_stream> host_end();

    void cut();
    void move_on();
    void leave_loop();
    /// The ends that are not closed.
    std::vector<std::source_location> open() const;

  private:
    std::shared_ptr<host_state> host_;
    side test_, at_host_;
    lane up_, down_;
};

} // namespace oocrpc::testing::detail
