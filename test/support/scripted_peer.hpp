#pragma once

#include <oocrpc/testing/scripted_peer.hpp>

namespace oocrpc::test {

using testing::byte_peer;
using testing::close_stream;
using testing::expect;
using testing::expect_close;
using testing::frame;
using testing::frame_of;
using testing::half_close;
using testing::pass_time;
using testing::script;
using testing::scripted_peer;
using testing::send_bytes;
using testing::send_bytewise;
using testing::send_half;
using testing::sends;
using testing::step;

} // namespace oocrpc::test
