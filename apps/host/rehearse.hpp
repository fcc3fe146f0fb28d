#pragma once

#include <chrono>
#include <functional>
#include <string>

namespace host {

/// Does `f` in a child process first, and says in one line why this process should not do it: what
/// it throws, that it crashed, that it ended the process, or that it takes longer than `at_most`,
/// for which this thread waits. Empty: nothing is wrong.
///
/// The child has the memory of this process and none of its files, and what it prints goes nowhere.
/// Of several threads only the calling one is in it, so `f` may hang there on what another one has
/// locked. Throws std::runtime_error where no process can be made.
std::string rehearse(const std::function<void()>& f, std::chrono::milliseconds at_most);

} // namespace host
