#pragma once

#include <exception>
#include <string>
#include <string_view>
#include <system_error>
#include <type_traits>

#include <oocrpc/error.hpp>

namespace oocrpc::testing {

/// The error that a test expects: an `errc` or any other error code, or the identifier that an
/// rpc_error has as its message(). What CHECK_FAILS takes.
class expected_error {
  public:
    template <class E>
        requires std::is_error_code_enum_v<E>
    expected_error(E e) : code_(make_error_code(e)) {}
    expected_error(std::error_code code) : code_(code) {}
    expected_error(std::string_view identifier) : identifier_(identifier) {}
    expected_error(const char* identifier) : identifier_(identifier) {}

    /// What is wrong with having got `e`; empty where it is what was expected.
    std::string mismatch(const std::exception_ptr& e) const;

  private:
    std::error_code code_;
    std::string identifier_;
};

} // namespace oocrpc::testing
