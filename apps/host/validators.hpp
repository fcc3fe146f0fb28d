#pragma once

#include <CLI/Validators.hpp>

#include <chrono>

namespace host {

/// Accepts what oocrpc::url::parse accepts, and says what is wrong with the rest.
CLI::Validator is_url();
/// Accepts HOST:PORT.
CLI::Validator is_host_port();

/// Seconds of an option as milliseconds, rounded.
std::chrono::milliseconds to_ms(double seconds);

} // namespace host
