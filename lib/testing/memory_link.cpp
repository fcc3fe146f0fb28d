#include "memory_link.hpp"

#include <algorithm>

#include <asio/error.hpp>

namespace oocrpc::testing::detail {
namespace {

// As much as a socket of the kernel's takes without being read from.
constexpr std::size_t capacity = 256 << 10;

class memory_end final : public byte_stream {
  public:
    memory_end(std::shared_ptr<memory_link> link, lane& in, lane& out, any_io_executor executor,
               std::string peer)
        : link_(std::move(link)),
          in_(in),
          out_(out),
          executor_(std::move(executor)),
          peer_(std::move(peer)) {}
    ~memory_end() override { close(); }

    void read_some(asio::mutable_buffer into, std::shared_ptr<stream_user> user) override {
        in_.read_some(into, std::move(user), link_);
    }
    void write(bytes from, std::shared_ptr<stream_user> user) override {
        out_.write(from, std::move(user), link_);
    }
    void shutdown_send() noexcept override { out_.end(nullptr); }
    void close() noexcept override {
        if (std::exchange(closed_, true)) return;
        in_.stop_reading();
        out_.end(&in_);
    }
    bool hung_up() noexcept override { return in_.over(); }
    std::string peer_address() const override { return peer_; }
    any_io_executor get_executor() override { return executor_; }

  private:
    std::shared_ptr<memory_link> link_;
    lane &in_, &out_;
    any_io_executor executor_;
    std::string peer_;
    bool closed_ = false;
};

} // namespace

lane::lane(host_state& host, budget& left, const any_io_executor& from, const any_io_executor& to,
           const std::source_location& made)
    : host_(host),
      left_(left) {
    loop_.emplace(from, to, made);
}

void lane::read_some(asio::mutable_buffer into, std::shared_ptr<stream_user> user,
                     std::shared_ptr<memory_link> keep) {
    if (!loop_) return;
    loop_->reading.start([this, into, user = std::move(user), keep = std::move(keep)] {
        complete_read(into, *user);
    });
    move_on();
}

void lane::complete_read(asio::mutable_buffer into, stream_user& user) {
    if (reader_gone_) return user.on_read(asio::error::operation_aborted, 0);
    auto n = std::min(into.size(), arrived_.size());
    if (host_.split > 0) n = std::min(n, host_.split);
    if (n > 0) {
        std::copy_n(arrived_.data(), n, static_cast<std::uint8_t*>(into.data()));
        arrived_.consume(n);
        move_on();
        return user.on_read({}, n);
    }
    if (ended_) return user.on_read(asio::error::eof, 0);
    user.on_read(asio::error::connection_reset, 0);
}

void lane::write(bytes from, std::shared_ptr<stream_user> user, std::shared_ptr<memory_link> keep) {
    if (!loop_) return;
    pending_ = from;
    loop_->writing.start([this, user = std::move(user), keep = std::move(keep)] {
        if (std::exchange(pending_, {}).empty()) return user->on_written({});
        user->on_written(lost_ ? std::error_code(asio::error::connection_reset)
                               : std::error_code(asio::error::broken_pipe));
    });
    move_on();
}

void lane::end(lane* back) {
    if (!sent_all_ || back) put({.back = back});
    sent_all_ = true;
    if (back) writer_gone_ = true;
    move_on();
}

void lane::stop_reading() {
    reader_gone_ = true;
    on_the_way_.clear();
    size_on_the_way_ = 0;
    arrived_.consume(arrived_.size());
    move_on();
}

void lane::lose() {
    lost_ = true;
    on_the_way_.clear();
    size_on_the_way_ = 0;
    move_on();
}

void lane::put(piece p) {
    if (!loop_ || lost_ || reader_gone_) return;
    p.due = loop_->time.after(host_.delay);
    // A delay that was made shorter does not make bytes overtake each other.
    if (!on_the_way_.empty()) p.due = std::max(p.due, on_the_way_.back().due);
    size_on_the_way_ += p.data.size();
    on_the_way_.push_back(std::move(p));
}

void lane::send_pending() {
    if (lost_ || refused_ || sent_all_ || pending_.empty()) return;
    auto n = std::min(capacity - arrived_.size() - size_on_the_way_, pending_.size());
    const bool breaks = left_ && *left_ <= n;
    if (left_) n = std::min(n, *left_);
    if (left_) *left_ -= n;
    const auto* from = reinterpret_cast<const char*>(pending_.data());
    if (n > 0) put({.data = std::string(from, n)});
    pending_ = pending_.subspan(n);
    if (!breaks) return;
    left_.reset();
    sent_all_ = true;
    put({.reset = true});
}

void lane::deliver() {
    const auto now = loop_->time.now();
    while (!on_the_way_.empty() && !host_.partitioned && on_the_way_.front().due <= now) {
        auto p = std::move(on_the_way_.front());
        on_the_way_.pop_front();
        arrive(std::move(p));
    }
    if (on_the_way_.empty() || host_.partitioned) return loop_->arrival.disarm();
    loop_->arrival.arm(on_the_way_.front().due, [this] { move_on(); });
}

void lane::arrive(piece p) {
    if (p.reset) return link->cut();
    if (!p.data.empty()) {
        size_on_the_way_ -= p.data.size();
        arrived_.append(bytes(reinterpret_cast<const std::uint8_t*>(p.data.data()), p.data.size()));
        return;
    }
    ended_ = true;
    if (!p.back) return;
    p.back->refused_ = true;
    p.back->move_on();
}

void lane::move_on() {
    if (!loop_) return;
    send_pending();
    deliver();
    if (lost_ || ended_ || reader_gone_ || arrived_.size() > 0) loop_->reading.complete();
    if (lost_ || refused_ || writer_gone_ || pending_.empty()) loop_->writing.complete();
}

memory_link::memory_link(std::shared_ptr<host_state> host, side test, side at_host)
    : host_(std::move(host)),
      test_(std::move(test)),
      at_host_(std::move(at_host)),
      up_(*host_, host_->receives, test_.executor, at_host_.executor, test_.made),
      down_(*host_, host_->sends, at_host_.executor, test_.executor, at_host_.made) {
    up_.link = down_.link = this;
    host_->links.push_back(this);
}

memory_link::~memory_link() {
    std::erase(host_->links, this);
}

std::unique_ptr<byte_stream> memory_link::test_end() {
    return std::make_unique<memory_end>(shared_from_this(), down_, up_, test_.executor,
                                        at_host_.address);
}
std::unique_ptr<byte_stream> memory_link::host_end() {
    return std::make_unique<memory_end>(shared_from_this(), up_, down_, at_host_.executor,
                                        test_.address);
}

void memory_link::cut() {
    up_.lose();
    down_.lose();
}

void memory_link::move_on() {
    up_.move_on();
    down_.move_on();
}

void memory_link::leave_loop() {
    up_.leave_loop();
    down_.leave_loop();
}

std::vector<std::source_location> memory_link::open() const {
    std::vector<std::source_location> ends;
    if (down_.read_from()) ends.push_back(test_.made);
    if (up_.read_from()) ends.push_back(at_host_.made);
    return ends;
}

} // namespace oocrpc::testing::detail
