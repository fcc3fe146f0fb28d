#pragma once

#include <CLI/Validators.hpp>

#include <stdexcept>
#include <string>

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

} // namespace host
