#include <oocrpc/bson.hpp>
#include <oocrpc/bson_parse.hpp>

#include <algorithm>
#include <istream>
#include <limits>
#include <vector>

namespace oocrpc::bson {
namespace {

// Builds the tree from nlohmann's events. Members go into the base class of ordered_map, which
// itself would drop a key that comes twice, after a search among all before it.
class builder : public nlohmann::json_sax<json> {
  public:
    json take() { return std::move(root_); }

    bool null() override { return add(nullptr); }
    bool boolean(bool v) override { return add(v); }
    bool number_integer(number_integer_t v) override { return add(v); }
    bool number_unsigned(number_unsigned_t v) override {
        constexpr auto most = std::numeric_limits<std::int64_t>::max();
        if (v > static_cast<number_unsigned_t>(most)) return add(static_cast<double>(v));
        return add(v);
    }
    bool number_float(number_float_t v, const string_t&) override { return add(v); }
    bool string(string_t& v) override { return add(std::move(v)); }
    bool binary(binary_t& v) override { return add(std::move(v)); }
    bool start_object(std::size_t) override { return open(json::object()); }
    bool start_array(std::size_t) override { return open(json::array()); }
    bool end_object() override { return close(); }
    bool end_array() override { return close(); }
    bool key(string_t& v) override {
        key_ = std::move(v);
        return true;
    }
    bool parse_error(std::size_t position, const std::string&,
                     const nlohmann::detail::exception& e) override {
        // The position counts the byte that does not fit.
        throw syntax_error(position ? position - 1 : 0, reason_of(e.what()));
    }

  private:
    static std::string reason_of(std::string_view text) {
        constexpr std::size_t most = 200; // it quotes the token, however long that is
        if (auto end = text.find("] "); end != text.npos) text.remove_prefix(end + 2);
        if (text.starts_with("parse error"))
            if (auto end = text.find(": "); end != text.npos) text.remove_prefix(end + 2);
        std::string reason(text);
        if (reason.size() > most) reason.replace(most / 2, reason.size() - most, " ... ");
        if (!is_utf8(reason)) // the token is not, or was cut within a character
            std::ranges::replace_if(reason, [](unsigned char c) { return c >= 0x80; }, '?');
        return reason;
    }

    json& place(json v) {
        if (open_.empty()) return root_ = std::move(v);
        auto& parent = *open_.back();
        if (parent.is_array()) {
            parent.push_back(std::move(v));
            return parent.back();
        }
        std::vector<json::object_t::value_type>& members = parent.get_ref<json::object_t&>();
        return members.emplace_back(std::move(key_), std::move(v)).second;
    }
    bool add(json v) {
        place(std::move(v));
        return true;
    }
    bool open(json v) {
        // It stays where it is until it is closed: until then nothing is added beside it.
        open_.push_back(&place(std::move(v)));
        return true;
    }
    bool close() {
        open_.pop_back();
        return true;
    }

    json root_;
    std::string key_;
    std::vector<json*> open_;
};

} // namespace

syntax_error::syntax_error(std::size_t at, const std::string& why)
    : rpc_error(errc::invalid_argument, "byte " + std::to_string(at) + ": " + why),
      offset(at),
      reason(why) {}

json parse_next(std::istream& in) {
    builder tree;
    json::sax_parse(in, &tree, json::input_format_t::json, false);
    return tree.take();
}

json parse(std::string_view text) {
    builder tree;
    json::sax_parse(text, &tree);
    return tree.take();
}

} // namespace oocrpc::bson
