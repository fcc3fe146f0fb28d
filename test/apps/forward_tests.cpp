#include "proxy_support.hpp"
TEST_SUITE("forward") {
}
