#pragma once

#include <cstdlib>
#include <iostream>
#include <span>
#include <string_view>

#include <oocrpc/byte_buffer.hpp>

/// What libFuzzer feeds, and the tests feed with the corpus: functions that take any bytes. What
/// they throw, and what the sanitizers find, is a finding, as is what they require and do not get.
namespace fuzz {

struct target {
    std::string_view name; ///< of ./dev fuzz, and of its directory in corpus/
    void (*run)(oocrpc::bytes data);
};
std::span<const target> targets();

void bson(oocrpc::bytes data);
void configuration(oocrpc::bytes data); // where the programs are built
void dispatcher(oocrpc::bytes data);
void extended_json(oocrpc::bytes data);
void mongodb_client(oocrpc::bytes data);
void mongodb_compressed(oocrpc::bytes data);
void mongodb_server(oocrpc::bytes data);
void native_codec(oocrpc::bytes data);
void scram(oocrpc::bytes data);
void session(oocrpc::bytes data);
void url(oocrpc::bytes data);

inline std::string_view text_of(oocrpc::bytes data) {
    return {reinterpret_cast<const char*>(data.data()), data.size()};
}

inline void require(bool holds, std::string_view what) {
    if (holds) return;
    std::cerr << "this does not hold: " << what << std::endl;
    std::abort();
}

} // namespace fuzz
