#pragma once

#include <string>
#include <vector>

namespace oocrpc {

/// A parameter of a method, as `oocrpc.describe` tells it.
struct parameter_description {
    std::string name;
    std::string type; ///< as bson::type_name writes it
};

/// A method of a service, as `oocrpc.describe` tells it.
struct method_description {
    std::string name;
    std::vector<parameter_description> parameters;
    std::string result; ///< type of the result, or of an item where it streams
    bool streams = false;
};

} // namespace oocrpc
