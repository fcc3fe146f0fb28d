#include "arguments.hpp"

#include <oocrpc/bson_json.hpp>
#include <oocrpc/message.hpp>

#include "exit_code.hpp"

namespace oocrpc::cli {
namespace {

bson::value encode(const json& arguments) {
    byte_buffer out;
    try {
        const auto t = bson::put(out, arguments);
        return bson::value(bson::value_view{t, out});
    } catch (const rpc_error& e) {
        throw usage_error("the arguments cannot be sent: " + e.detail());
    }
}

json parse_named(const std::string& text) {
    const auto value = json::parse(text, nullptr, false);
    if (value.is_discarded()) throw usage_error("--named: '" + text + "' is not JSON");
    if (!value.is_object()) throw usage_error("--named: '" + text + "' is not a JSON object");
    return value;
}

} // namespace

bson::value encode_arguments(const std::vector<std::string>& words,
                             const std::optional<std::string>& named) {
    if (named && !words.empty())
        throw usage_error("--named: cannot be given together with ARG '" + words.front() + "'");
    if (named) return encode(parse_named(*named));
    if (words.empty()) return bson::value(absent);
    auto all = json::array();
    for (const auto& word : words) {
        auto value = json::parse(word, nullptr, false);
        if (value.is_discarded()) value = word;
        all.push_back(std::move(value));
    }
    return encode(all);
}

metadata parse_metadata(const std::vector<std::string>& pairs) {
    metadata all;
    for (const auto& pair : pairs) {
        const auto mark = pair.find('=');
        if (mark == 0 || mark == pair.npos)
            throw usage_error("--meta: '" + pair + "' is not NAME=TEXT");
        if (!bson::is_utf8(pair)) throw usage_error("--meta: '" + pair + "' is not UTF-8");
        all.set(pair.substr(0, mark), pair.substr(mark + 1));
    }
    return all;
}

} // namespace oocrpc::cli
