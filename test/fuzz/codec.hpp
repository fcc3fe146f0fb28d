#pragma once

// What holds for every codec.

#include "fuzz.hpp"

#include <algorithm>

#include <oocrpc/codec.hpp>

namespace fuzz {

using state = oocrpc::decoded::state;

inline void check(const oocrpc::message& m) {
    require((m.kind == oocrpc::message_kind::error) == (m.fault != nullptr),
            "an error has a fault, and nothing else has");
    const auto t = m.body.t;
    if (oocrpc::present(m.body) &&
        (t == oocrpc::bson::type::document || t == oocrpc::bson::type::array))
        require(!oocrpc::bson::validate(m.body.as_document()), "a body is valid");
}

/// Reads all messages at the front of `in`, gives each to `f` while it can be viewed, and returns
/// how the reading ended and what is left.
template <class F> state read_all(oocrpc::codec& by, oocrpc::bytes& in, const F& f) {
    for (int messages = 0; messages < 1000; ++messages) {
        oocrpc::message m;
        const auto d = by.decode(in, m);
        if (d.what == state::malformed) require(!d.reason.empty(), "malformed has a reason");
        if (d.what != state::message) return d.what;
        require(d.size <= in.size(), "no more is consumed than there is");
        check(m);
        f(m);
        in = in.subspan(d.size);
    }
    return state::incomplete;
}

} // namespace fuzz
