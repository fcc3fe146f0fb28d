#include "display.hpp"

#include <support/visible.hpp>

namespace get_poetry {
namespace {

/// The beginning of a line of UTF-8 that fits; where it does not, its end is cut.
std::string fitting(std::string line, std::size_t columns) {
    std::size_t used = 0;
    for (std::size_t i = 0; i < line.size(); ++i) {
        const bool begins = (static_cast<unsigned char>(line[i]) & 0xC0) != 0x80;
        if (begins && ++used > columns) {
            line.resize(i);
            break;
        }
    }
    return line;
}

} // namespace

display::display(std::ostream& out, std::ostream& err, width columns)
    : out_(out),
      err_(err),
      columns_(std::move(columns)) {}

void display::poem(std::size_t from, const std::string& text) {
    clear();
    if (!first_) out_ << '\n';
    first_ = false;
    out_ << text;
    if (!text.ends_with('\n')) out_ << '\n';
    out_.flush();
    ended(from);
}

void display::failed(std::size_t from, const std::string& why) {
    ++failed_;
    complain(from, why);
    ended(from);
}

void display::kept(std::size_t from, const std::string& why) {
    complain(from, "not transformed: " + why);
    draw();
}

void display::complain(std::size_t from, const std::string& line) {
    clear();
    err_ << "get-poetry: " << urls_[from] << ": " << oocrpc::apps::visible(line) << std::endl;
}

void display::ended(std::size_t from) {
    ended_[from] = true;
    ++done_;
    draw();
}

std::string display::progress() const {
    auto line = std::to_string(done_) + " of " + std::to_string(urls_.size()) + " done";
    if (failed_ > 0) line += ", " + std::to_string(failed_) + " failed";
    line += ", waiting for";
    for (std::size_t i = 0; i < urls_.size(); ++i)
        if (!ended_[i]) line += ' ' + urls_[i];
    return line;
}

void display::draw() {
    if (!columns_ || done_ == urls_.size()) return;
    // The last column stays free: a terminal may go to the next line when it is written.
    const auto columns = columns_();
    err_ << '\r' << fitting(progress(), columns > 0 ? columns - 1 : 0) << "\x1b[K" << std::flush;
}

void display::clear() {
    if (columns_) err_ << "\r\x1b[K" << std::flush;
}

progress_line::progress_line(display& on, std::vector<std::string> urls) : on_(on) {
    on.urls_ = std::move(urls);
    on.ended_.assign(on.urls_.size(), false);
    on.draw();
}

progress_line::~progress_line() {
    on_.clear();
}

} // namespace get_poetry
