#include <oocrpc/testing/expected_error.hpp>

#include <oocrpc/testing/unhandled_log.hpp>

namespace oocrpc::testing {

std::string expected_error::mismatch(const std::exception_ptr& e) const {
    try {
        std::rethrow_exception(e);
    } catch (const rpc_error& error) {
        if (identifier_.empty() ? error.code() == code_ : error.message() == identifier_) return "";
    } catch (const std::system_error& error) {
        if (identifier_.empty() && error.code() == code_) return "";
    } catch (...) { // no code, no identifier
    }
    return "it failed with " + what(e);
}

} // namespace oocrpc::testing
