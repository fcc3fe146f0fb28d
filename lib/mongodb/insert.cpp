// insert: a collection is a method, called once for each document.

#include <oocrpc/bson_value.hpp>
#include <oocrpc/context.hpp>

#include "elements.hpp"
#include "errors.hpp"
#include "methods.hpp"
#include "pass_on.hpp"
#include "values.hpp"

namespace oocrpc::mongodb {
namespace {

bson::value_view documents_of(const command_call& cmd) {
    const auto all = cmd.find("documents");
    if (!all || all->t != bson::type::array) wrong_type("documents", "array", all.value_or(absent));
    std::size_t n = 0;
    for (const auto& e : bson::elements(all->as_document())) {
        if (e.value.t != bson::type::document)
            wrong_type("documents[" + std::to_string(n) + "]", "document", e.value);
        if (++n > cmd.of.options.most_documents)
            throw rpc_error(errc::invalid_argument,
                            "documents: more than " +
                                std::to_string(cmd.of.options.most_documents));
    }
    if (n == 0) throw rpc_error(errc::invalid_argument, "documents: expected at least one");
    return *all;
}

/// The document as arguments. Drivers put an `_id` into each; it goes only where the method has a
/// parameter of that name.
bson::value_view arguments_of(const known_method& m, bson::value_view document, byte_buffer& kept) {
    if (m.takes("_id") || !bson::find(document.as_document(), "_id")) return document;
    kept.clear();
    copy_document(document.as_document(), kept,
                  [](const bson::element& e) { return e.name != "_id"; });
    return {bson::type::document, kept};
}

void add_error(bson::array_writer& to, std::int32_t index, const failure& why) {
    bson::document_writer d(to);
    d.add("index", index);
    d.add("code", face_of(why, false).code);
    d.add("errmsg", text_of(why));
    bson::document_writer ours(d, "oocrpc");
    add_failure(ours, why);
    ours.finish();
    d.finish();
}

awaitable<message> insert_all(command_call cmd) {
    const auto all = documents_of(cmd);
    const auto ordered = cmd.find("ordered");
    const bool stop = !ordered || strict_true(*ordered);
    std::string name = cmd.within(cmd.subject_text());
    const auto m = co_await resolve(cmd.of, cmd.c, std::move(name));
    if (!m->described)
        if (auto there = co_await pass_on(cmd)) co_return std::move(*there);
    std::int32_t index = 0;
    std::int32_t done = 0;
    byte_buffer errors, kept;
    bson::array_writer list(errors);
    for (const auto& e : bson::elements(all.as_document())) {
        const auto arguments = arguments_of(*m, e.value, kept);
        auto result = co_await invoke_resolved(cmd.of, cmd.c, m, arguments);
        if (index == 0 && is_no_such_method(result)) co_return result; // nothing was begun
        if (result.fault)
            add_error(list, index, *result.fault);
        else
            ++done;
        ++index;
        if (result.fault && stop) break;
        // Plain methods suspend nowhere, and many of them must not keep the others waiting.
        if (index % 256 == 0) co_await asio::post(use_awaitable);
    }
    list.finish();
    co_return reply_with(cmd.c, [&](bson::document_writer& d) {
        d.add("n", done);
        if (done == index) return;
        const bson::value_view view{bson::type::array, errors};
        d.add("writeErrors", view);
    });
}

} // namespace

maybe_awaitable<message> insert(command_call cmd) {
    cmd.call.own();
    return insert_all(std::move(cmd));
}

} // namespace oocrpc::mongodb
