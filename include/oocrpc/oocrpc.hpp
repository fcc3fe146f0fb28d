#pragma once

// Everything that users of the library need, in one include.

#include <oocrpc/as_awaitable.hpp>
#include <oocrpc/bson.hpp>
#include <oocrpc/bson_canonical.hpp>
#include <oocrpc/bson_json.hpp>
#include <oocrpc/bson_parse.hpp>
#include <oocrpc/bson_value.hpp>
#include <oocrpc/built_in.hpp>
#include <oocrpc/call_registry.hpp>
#include <oocrpc/client.hpp>
#include <oocrpc/clock.hpp>
#include <oocrpc/connection.hpp>
#include <oocrpc/context.hpp>
#include <oocrpc/deadline.hpp>
#include <oocrpc/error.hpp>
#include <oocrpc/layers.hpp>
#include <oocrpc/method.hpp>
#include <oocrpc/mongodb_server_codec.hpp>
#include <oocrpc/native_codec.hpp>
#include <oocrpc/peer.hpp>
#include <oocrpc/promise.hpp>
#include <oocrpc/result.hpp>
#include <oocrpc/server.hpp>
#include <oocrpc/service.hpp>
#include <oocrpc/streaming.hpp>
#include <oocrpc/task_group.hpp>
#include <oocrpc/unhandled.hpp>
#include <oocrpc/url.hpp>
#include <oocrpc/version.hpp>
#include <oocrpc/when.hpp>
