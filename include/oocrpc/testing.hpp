#pragma once

// The test kit: for tests, with doctest, of what is built on the library. Link `oocrpc-testing`.
#include <oocrpc/testing/fails.hpp>
#include <oocrpc/testing/memory_network.hpp>
#include <oocrpc/testing/run.hpp>
#include <oocrpc/testing/scripted_peer.hpp>
#include <oocrpc/testing/unhandled_log.hpp>
