#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace oocrpc {

enum class option_type {
    text,
    flag, ///< without a value on the command line; elsewhere `true` or `false`
    integer,
    number,
    duration, ///< `250ms`, `10s`, `5m`, `1h`; without a unit, seconds
    size,     ///< bytes: `1048576`, `64KiB`, `16MiB`, `1GiB`
    url,      ///< what url::parse() takes
    address,  ///< `HOST:PORT`
    file,     ///< a path, relative to where the program was started
};

/// One option of a program or of a plugin, as a line of a table: what its command line,
/// environment, configuration file, help, man page and completions are made from.
///
/// The views are of text that outlives the table, usually literals.
struct option {
    std::string_view name; ///< `drain-timeout`: --drain-timeout, OOCRPC_DRAIN_TIMEOUT, the TOML key
    option_type type = option_type::text;
    std::string_view help;            ///< one sentence or two, without a full stop at the end
    std::string_view value_name = {}; ///< in the help, such as `METHOD[=TTL]`; empty: by the type
    std::string_view fallback = {};   ///< the default as it would be written; empty: none
    bool repeated = false;            ///< may be given several times; a list in the file
    bool required = false;
    std::string_view choices = {}; ///< `text|json`: nothing else is allowed
    double least =
        std::numeric_limits<double>::lowest(); ///< of an integer, a number, seconds, bytes
    double most = std::numeric_limits<double>::max();
    /// What is wrong with a value beyond the above, empty where nothing is; null: no more checks.
    std::string (*check)(std::string_view value) = nullptr;
};

/// What is wrong with `value` for `o`, as part of a sentence; empty where nothing is.
std::string why_invalid(const option& o, std::string_view value);

/// A span of time such as `500ms`, `2s`, `1.5s`, `5m`, `1h`; a number without unit is refused, but
/// for 0. Rounded to milliseconds. Throws std::invalid_argument that names the text and what is
/// wrong with it.
std::chrono::milliseconds parse_duration(std::string_view text);
/// A number of bytes such as `4096`, `64KiB`, `64MiB`, `1GiB`, also `kB`, `MB`, `GB` for powers of
/// 1000. Throws as parse_duration() does.
std::size_t parse_size(std::string_view text);

/// The values of a table of options, and where each came from.
///
/// Holds checked text; the functions with a type read it as that. They throw std::out_of_range for
/// a name that is not in the table, which is a mistake of the program.
class option_values {
  public:
    /// Every option has its default.
    explicit option_values(std::span<const option> table = {});

    /// Replaces the value. Throws std::invalid_argument with a sentence that names the option where
    /// it is no valid value or more than one for an option that is not repeated. `source` is for
    /// people: `command line`, `environment OOCRPC_LISTEN`, `app.toml:3:1`.
    void set(std::string_view name, std::vector<std::string> values, std::string source);

    /// True where somebody set it.
    bool given(std::string_view name) const;
    /// True where it is given or has a default.
    bool has(std::string_view name) const;
    /// `default`, or the source it was set with.
    const std::string& source(std::string_view name) const;

    const std::string& text(std::string_view name) const; ///< empty where it has no value
    const std::vector<std::string>& texts(std::string_view name) const;
    bool flag(std::string_view name) const;
    std::int64_t integer(std::string_view name) const;
    double number(std::string_view name) const;
    std::chrono::milliseconds duration(std::string_view name) const;
    std::size_t size(std::string_view name) const;

    /// The options without a value that are required.
    std::vector<const option*> missing() const;
    std::span<const option> table() const noexcept { return table_; }
    /// Whether all values are the same; sources do not count.
    bool same_values(const option_values& other) const;

  private:
    struct value {
        const option* of = nullptr;
        std::vector<std::string> texts;
        std::string source;
    };
    const value& at(std::string_view name) const;

    std::span<const option> table_;
    std::map<std::string, value, std::less<>> values_;
};

} // namespace oocrpc
