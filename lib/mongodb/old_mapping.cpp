#include "old_mapping.hpp"

#include <oocrpc/bson_value.hpp>
#include <oocrpc/context.hpp>

#include "cursors.hpp"
#include "elements.hpp"
#include "errors.hpp"

namespace oocrpc::mongodb {
namespace {

/// Positional and named arguments of one call.
struct old_arguments {
    std::string function;
    bson::value_view positional = absent;
    bson::value_view named = absent;
    std::string fault; ///< empty: all is as it has to be
};

old_arguments read(const command_call& cmd) {
    old_arguments out;
    const auto filter = query_of(cmd.find("filter").value_or(absent));
    if (filter.t != bson::type::document) {
        out.fault = "filter: expected document with funcname and argstr";
        return out;
    }
    const auto name = bson::find(filter.as_document(), "funcname");
    if (!name || name->t != bson::type::string) {
        out.fault = "funcname: expected string";
        return out;
    }
    out.function = name->as_string();
    const auto both = bson::find(filter.as_document(), "argstr");
    if (!both || both->t == bson::type::null) return out;
    std::size_t n = 0;
    if (both->t == bson::type::array)
        for (const auto& e : bson::elements(both->as_document())) {
            if (n == 0 && e.value.t == bson::type::array) out.positional = e.value;
            if (n == 1 && e.value.t == bson::type::document) out.named = e.value;
            ++n;
        }
    if (n > 2 || !present(out.positional) || (n == 2 && !present(out.named)))
        out.fault = "argstr: expected [array, document]";
    return out;
}

/// Both as one document, the positional ones under the names that the method gives them.
std::string merge(const known_method& m, const old_arguments& from, byte_buffer& out) {
    bson::document_writer w(out);
    auto name = m.parameters.begin();
    for (const auto& e : bson::elements(from.positional.as_document())) {
        if (name == m.parameters.end() || name->empty())
            return from.function + ": more positional arguments than named parameters";
        if (bson::find(from.named.as_document(), *name))
            return *name + ": given by position and by name";
        w.add(*name++, e.value);
    }
    for (const auto& e : bson::elements(from.named.as_document())) w.add(e.name, e.value);
    w.finish();
    return {};
}

awaitable<message> call(const command_call& cmd, const old_arguments& from) {
    auto fault = from.fault;
    byte_buffer merged;
    bson::value_view arguments = absent;
    std::shared_ptr<const known_method> m;
    if (fault.empty()) {
        m = co_await resolve_exactly(cmd.of, cmd.c, from.function);
        const bool positional = has_elements(from.positional.as_document());
        const bool named = has_elements(from.named.as_document());
        if (positional && named) {
            fault = merge(*m, from, merged);
            arguments = {bson::type::document, merged};
        } else if (positional) {
            arguments = from.positional;
        } else if (named) {
            arguments = from.named;
        }
    }
    if (!fault.empty()) co_return message::error(0, errc::invalid_argument, std::move(fault));
    co_return co_await invoke_all(cmd.of, cmd.c, m, arguments);
}

} // namespace

bson::value_view query_of(bson::value_view filter) noexcept {
    if (filter.t != bson::type::document) return filter;
    const auto inner = bson::find(filter.as_document(), "$query");
    return inner && inner->t == bson::type::document ? *inner : filter;
}

bool is_old_mapping(const command_call& cmd) {
    return cmd.database() == "backend" && cmd.subject_text() == "rpc";
}

awaitable<message> call_old_mapping(command_call cmd) {
    const auto from = read(cmd);
    const auto result = co_await call(cmd, from);
    byte_buffer document;
    bson::document_writer w(document);
    if (result.fault) {
        bson::document_writer error(w, "$error");
        add_failure(error, *result.fault);
        error.finish();
    } else {
        w.add("$result", present(result.body) ? result.body : bson::value_view{});
    }
    w.finish();
    auto terms = terms_of(cmd);
    terms.ns = "backend.rpc";
    batch_request ask;
    ask.size = 1;
    ask.last = true;
    const bson::value_view view{bson::type::document, document};
    co_return open_values(cmd.of, cmd.c, view, std::move(terms), ask);
}

} // namespace oocrpc::mongodb
