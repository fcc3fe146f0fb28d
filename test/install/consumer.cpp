// A program outside of the source tree that uses the installed library; exit 0 where all is well.
#include <oocrpc/error.hpp>

#include <iostream>

int main() {
    oocrpc::rpc_error error(oocrpc::errc::unavailable, "nobody there");
    std::cout << error.what() << "\n";
    return oocrpc::errc_from_string(error.message()) == oocrpc::errc::unavailable ? 0 : 1;
}
