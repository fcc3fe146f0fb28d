#pragma once

#include <CLI/Validators.hpp>

#include <chrono>
#include <stdexcept>

#include <oocrpc/error.hpp>

namespace host {

/// Checks an option's text by what throws where it is wrong.
template <class F> CLI::Validator checked_by(F parse) {
    return CLI::Validator(
        [parse](const std::string& text) -> std::string {
            try {
                parse(text);
                return {};
            } catch (const oocrpc::rpc_error& e) {
                return e.detail();
            } catch (const std::invalid_argument& e) {
                return e.what();
            }
        },
        "");
}

/// Accepts what oocrpc::url::parse accepts, and says what is wrong with the rest.
CLI::Validator is_url();
/// Accepts HOST:PORT.
CLI::Validator is_host_port();

/// Seconds of an option as milliseconds, rounded.
std::chrono::milliseconds to_ms(double seconds);

} // namespace host
