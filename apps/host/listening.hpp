#pragma once

#include <string>
#include <vector>

#include <oocrpc/component_group.hpp>
#include <oocrpc/url.hpp>

namespace host {

/// A component that listens once it has started, for who wants to know where before that.
class listening {
  public:
    virtual std::vector<oocrpc::url> wanted() const = 0;
    /// Whether nobody is served at that address who has not said who it is.
    virtual bool asks_who(const oocrpc::url& at) const = 0;

  protected:
    ~listening() = default;
};

/// Which two of a tree want one address, however it is written; empty: none, as far as can be told
/// without binding. Host names are resolved, which may take a while.
std::string address_wanted_twice(const oocrpc::component_group& root);

/// Which address of a component, or of one within it, other machines reach while it serves anybody:
/// what is wrong with that, or an empty text. Host names are resolved, which may take a while.
std::string open_to_strangers(const oocrpc::component& what);

} // namespace host
