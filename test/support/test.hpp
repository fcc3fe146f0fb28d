#pragma once

// What every test file includes: doctest, with the streams that it prints values through.
#include <ostream>
#include <string>

#include <doctest/doctest.h>
