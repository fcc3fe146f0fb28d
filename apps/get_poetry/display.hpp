#pragma once

#include <functional>
#include <ostream>
#include <string>
#include <vector>

namespace get_poetry {

/// What a person sees: poems on stdout, what went wrong on stderr, and on a terminal a line there
/// that says who is still waited for.
class display {
  public:
    /// Columns of the terminal that `err` is.
    using width = std::function<std::size_t()>;

    /// Without a `columns` there is no progress line. The streams must outlive the display.
    display(std::ostream& out, std::ostream& err, width columns = {});

    /// How the download of the `from`-th server ended; shown at once.
    void poem(std::size_t from, const std::string& text);
    void failed(std::size_t from, const std::string& why);
    /// Its poem could not be transformed, and is shown as it is.
    void kept(std::size_t from, const std::string& why);

  private:
    friend class progress_line;

    void complain(std::size_t from, const std::string& line);
    void ended(std::size_t from);
    void draw();
    void clear();
    std::string progress() const;

    std::ostream& out_;
    std::ostream& err_;
    width columns_;
    std::vector<std::string> urls_;
    std::vector<bool> ended_;
    std::size_t done_ = 0;
    std::size_t failed_ = 0;
    bool first_ = true;
};

/// The progress line of downloads from `urls`, there as long as this is.
class progress_line {
  public:
    progress_line(display& on, std::vector<std::string> urls);
    progress_line(progress_line&&) = delete;
    ~progress_line();

  private:
    display& on_;
};

} // namespace get_poetry
