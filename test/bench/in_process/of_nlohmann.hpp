#pragma once
// The BSON benchmarks with nlohmann's json, which knows BSON only through its tree. It does not
// look whether texts are UTF-8, and cannot validate without reading.

#include <span>

#include <nlohmann/json.hpp>

#include "documents.hpp"

namespace bench {

struct of_nlohmann {
    static constexpr const char* name = "nlohmann";
    using json = nlohmann::json;
    using document = std::vector<std::uint8_t>;

    static call read_call(std::span<const std::uint8_t> in) {
        const auto tree = json::from_bson(in.begin(), in.end());
        const auto& inner = tree.at("call");
        const auto& arguments = inner.at("arguments");
        call c;
        // A view of the tree would dangle.
        c.method =
            inner.at("funcname").get_ref<const std::string&>() == add.method ? add.method : "";
        c.a = arguments.at(0).get<std::int32_t>();
        c.b = arguments.at(1).get<std::int32_t>();
        c.id = tree.at("id").get<std::int64_t>();
        return c;
    }
    static std::vector<item> read_items(std::span<const std::uint8_t> in) {
        auto tree = json::from_bson(in.begin(), in.end());
        std::vector<item> all;
        for (auto& one : tree.at("items")) all.push_back(read_item(one));
        return all;
    }
    static std::string read_text(std::span<const std::uint8_t> in) {
        auto tree = json::from_bson(in.begin(), in.end());
        return std::move(tree.at("text").get_ref<std::string&>());
    }

    static void write(document& out, const call& c) {
        json tree;
        auto& inner = tree["call"];
        inner["funcname"] = c.method;
        inner["arguments"] = {c.a, c.b};
        tree["id"] = c.id;
        write_tree(out, tree);
    }
    static void write(document& out, const std::vector<item>& all) {
        json tree;
        auto& items = tree["items"] = json::array();
        for (const auto& one : all) items.push_back(write_item(one));
        write_tree(out, tree);
    }
    static void write(document& out, const std::string& text) { write_tree(out, {{"text", text}}); }

  private:
    // By hand: with to_json of its own, the type would travel through a tree in our library too.
    static item read_item(json& from) {
        return {from.at("number").get<std::int32_t>(),
                std::move(from.at("name").get_ref<std::string&>()), from.at("price").get<double>(),
                from.at("in_stock").get<bool>(), from.at("sizes").get<std::vector<std::int32_t>>()};
    }
    static json write_item(const item& one) {
        return {{"number", one.number},
                {"name", one.name},
                {"price", one.price},
                {"in_stock", one.in_stock},
                {"sizes", one.sizes}};
    }
    static void write_tree(document& out, const json& tree) {
        out.clear();
        json::to_bson(tree, out);
    }
};

} // namespace bench
