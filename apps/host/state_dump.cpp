#include "state_dump.hpp"

#include <oocrpc/suspended_call.hpp>
#include <oocrpc/task_list.hpp>

namespace host {

using namespace oocrpc;

namespace {

std::string age_of(time_point since, time_point now) {
    return std::to_string(
        std::chrono::duration_cast<std::chrono::milliseconds>(now - since).count());
}

void dump(asio::io_context& io, std::size_t thread, log& to) {
    const auto now = clock::of(io).now();
    const auto number = std::to_string(thread);
    const auto calls = suspended_calls(io);
    const auto tasks = task_list::of(io).all();
    for (const auto& c : calls) {
        const bool served = c.which == suspended_call::direction::served;
        to.answer("dump", served ? "suspended call" : "call waiting for its answer",
                  {{"method", c.method},
                   {"peer", c.peer},
                   {"age_ms", age_of(c.since, now)},
                   {"thread", number}});
    }
    for (const auto& t : tasks) {
        log_fields fields{
            {"made", std::string(t.made.file_name()) + ":" + std::to_string(t.made.line())},
            {"age_ms", age_of(t.since, now)},
            {"thread", number}};
        if (!t.owner.empty()) fields.insert(fields.begin(), {"owner", t.owner});
        to.answer("dump", "task", fields);
    }
    to.answer("dump", "end",
              {{"calls", std::to_string(calls.size())},
               {"tasks", std::to_string(tasks.size())},
               {"thread", number}});
}

} // namespace

void dump_state(workers& loops, log& to) {
    for (std::size_t i = 0; i < loops.size(); ++i)
        asio::post(loops.loop(i), [&loops, &to, i] { dump(loops.loop(i), i, to); });
}

} // namespace host
