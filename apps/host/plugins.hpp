#pragma once

#include <chrono>
#include <deque>
#include <functional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include <oocrpc/plugin.hpp>

namespace host {

/// A plugin that can be run.
struct known_plugin {
    const oocrpc::plugin* of;
    std::vector<oocrpc::option> options; ///< its own, and the serving options where it serves
    std::string file;                    ///< empty: built in
};

/// The plugins of a program: those that are built in, and shared objects.
///
/// What it knows stays where it is and is never unloaded, as components run its code. Used by one
/// thread.
class plugins {
  public:
    /// Of the program of that name. Throws std::invalid_argument where two have one name.
    plugins(std::string program, const std::vector<const oocrpc::plugin*>& built_in);

    /// Loads every `*.so` of a directory, in order of their names; once for each directory.
    ///
    /// Each file is loaded in a child process first, so that one that crashes, ends the process or
    /// hangs does no harm; its constructors run twice. A file that cannot be used is one line for
    /// `complain` that names it, and the others are loaded all the same; so is a directory that
    /// cannot be read.
    void load(const std::string& directory);

    const known_plugin* find(std::string_view name) const;
    /// The built-in ones first.
    const std::deque<known_plugin>& all() const noexcept { return all_; }
    std::vector<std::string> names() const;

    /// What loading one file may take; this thread waits for it.
    std::chrono::milliseconds loading_time = std::chrono::seconds(10);
    /// Told what is wrong with a file; prints it on stderr unless it is set.
    std::function<void(const std::string& line)> complain;

  private:
    void try_file(const std::string& path);
    void load_file(const std::string& path);
    void add(const oocrpc::plugin& p, std::string file);

    std::deque<known_plugin> all_;
    std::set<std::string, std::less<>> directories_;
};

} // namespace host
