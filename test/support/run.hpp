#pragma once

#include "test.hpp"

#include <oocrpc/testing/run.hpp>

namespace oocrpc::test {

using testing::run;
using testing::settle;
using testing::stuck;

} // namespace oocrpc::test
