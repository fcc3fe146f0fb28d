#include "daemon.hpp"

#include <csignal>
#include <cstdlib>

#include <spdlog/spdlog.h>

#include <oocrpc/stream.hpp>

namespace host {
namespace {

std::string text_of(const std::exception_ptr& e) {
    try {
        std::rethrow_exception(e);
    } catch (const std::exception& error) {
        return error.what();
    } catch (...) {
        return "unknown";
    }
}

/// What a completion handler throws is a bug, but no reason to leave the clients alone.
void run_loop(asio::io_context& io) {
    for (;;) {
        try {
            io.run();
            return;
        } catch (const std::exception& e) {
            spdlog::error("a failure reached the event loop: {}", e.what());
        }
    }
}

} // namespace

worker::worker(const oocrpc::server_options& how, oocrpc::port_sharing sharing)
    : server(io.get_executor(), [&] {
          auto mine = how;
          mine.sharing = sharing;
          return mine;
      }()) {}

void worker::work() {
    run_loop(io);
    busy.reset();
    io.restart();
    io.run_for(std::chrono::seconds(1));
    if (!io.stopped()) spdlog::warn("work was left in the loop at the end");
}

daemon::daemon(const options& how) {
    const auto sharing =
        how.threads > 1 ? oocrpc::port_sharing::shared : oocrpc::port_sharing::exclusive;
    auto server = how.server;
    if (!server.registry) server.registry = std::make_shared<oocrpc::call_registry>();
    for (unsigned i = 0; i < how.threads; ++i)
        workers_.push_back(std::make_unique<worker>(server, sharing));
    signals_ = std::make_unique<asio::signal_set>(workers_[0]->io);
}

daemon::~daemon() {
    signals_.reset();
    for (auto& c : components_) c.work = {}; // where it was never started
    at_end_.clear();
    // What the handlers use lives on the first loop, which therefore goes last.
    while (!workers_.empty()) workers_.pop_back();
}

oocrpc::any_io_executor daemon::executor() {
    return workers_[0]->io.get_executor();
}

void daemon::beside(oocrpc::awaitable<void> work, std::string address) {
    components_.emplace_back().work = std::move(work);
    if (!address.empty()) add_address(address);
}

void daemon::at_end(std::function<void()> f) {
    at_end_.push_back(std::move(f));
}

void daemon::add_address(const std::string& address) {
    addresses_ += (addresses_.empty() ? "" : ", ") + address;
}

void daemon::listen(const std::vector<std::string>& urls) {
    std::string beside;
    std::swap(beside, addresses_); // named after the servers'
    for (const auto& text : urls) {
        auto at = oocrpc::url::parse(text);
        const bool shared = workers_.size() > 1 && at.via == oocrpc::url::transport::tcp;
        // With sharing the system reports no port as taken, so that is asked without it first.
        if (shared) at = oocrpc::listener::open(executor(), at)->address();
        at = workers_[0]->server.listen(at);
        if (shared)
            for (std::size_t i = 1; i < workers_.size(); ++i) workers_[i]->server.listen(at);
        add_address(at.to_string());
    }
    if (!beside.empty()) add_address(beside);
}

void daemon::start(const oocrpc::handler& serve) {
    signals_->add(SIGINT);
    signals_->add(SIGTERM);
    wait_for_signal();
    for (auto& w : workers_) {
        ++running_;
        asio::co_spawn(w->io, w->server.run(serve), [this](std::exception_ptr e) {
            asio::post(executor(), [this, e] { ended(e); });
        });
    }
    for (auto& c : components_) start_component(c);
}

void daemon::start_component(component& c) {
    ++running_;
    asio::co_spawn(
        executor(), std::move(c.work),
        asio::bind_cancellation_slot(c.signal.slot(), [this](std::exception_ptr e) { ended(e); }));
}

void daemon::wait_for_signal() {
    signals_->async_wait([this](std::error_code ec, int number) {
        if (ec) return;
        if (draining_) std::_Exit(128 + number);
        spdlog::info("draining");
        drain();
        wait_for_signal();
    });
}

void daemon::drain() {
    draining_ = true;
    for (auto& w : workers_) asio::post(w->io, [server = &w->server] { server->drain(); });
    for (auto& c : components_) c.signal.emit(asio::cancellation_type::terminal);
}

void daemon::ended(std::exception_ptr why) {
    if (why && !(draining_ && oocrpc::is_cancelled(why))) {
        spdlog::error("{}", text_of(why));
        exit_code_ = software_error;
    }
    if (!draining_) drain();
    if (--running_ == 0) finish();
}

void daemon::finish() {
    for (auto& f : at_end_) f();
    signals_->cancel();
    for (auto& w : workers_) w->io.stop();
}

int daemon::run() {
    std::vector<std::thread> others;
    for (std::size_t i = 1; i < workers_.size(); ++i)
        others.emplace_back([w = workers_[i].get()] { w->work(); });
    workers_[0]->work();
    for (auto& t : others) t.join();
    return exit_code_;
}

} // namespace host
