#pragma once

#include <exception>
#include <optional>
#include <string_view>
#include <utility>

#include <asio/associator.hpp>

#include <oocrpc/detail/place_call.hpp>
#include <oocrpc/detail/read_value.hpp>

namespace oocrpc::detail {

template <class... A> void put_arguments(byte_buffer& out, const A&... arguments) {
    bson::array_writer array(out);
    (array.add(arguments), ...);
    array.finish();
}

/// Hands an answer to a handler as `void(std::exception_ptr, R)`: the result of that type, or what
/// the awaiting coroutine is to throw. What goes wrong in between is told and not thrown.
template <class R, class Handler> struct typed_reply {
    Handler handler;
    std::string_view name; ///< of the method, for error texts

    void operator()(message&& m) {
        if (m.fault) return fail(std::make_exception_ptr(m.to_exception()));
        if constexpr (std::is_void_v<R>) {
            std::move(handler)(std::exception_ptr());
        } else {
            std::optional<R> result;
            std::exception_ptr unfit;
            try {
                read_value(m.body, result.emplace(), name);
            } catch (...) {
                unfit = std::current_exception();
            }
            if (unfit) return fail(std::move(unfit));
            std::move(handler)(std::exception_ptr(), std::move(*result));
        }
    }
    void fail(std::exception_ptr e) {
        if constexpr (std::is_void_v<R>)
            std::move(handler)(std::move(e));
        else
            std::move(handler)(std::move(e), R{});
    }
};

template <class R> struct typed_signature {
    using type = void(std::exception_ptr, R);
};
template <> struct typed_signature<void> {
    using type = void(std::exception_ptr);
};

/// Makes a call with arguments and result of C++ types: encodes the ones into the request, reads
/// the other from the answer, with no coroutine of its own.
template <class R> struct typed_call {
    template <class Handler, class... A>
    void operator()(Handler handler, const std::shared_ptr<call_target>& target,
                    std::string_view name, call_options options, const A&... arguments) const {
        typed_reply<R, Handler> reply{std::move(handler), name};
        small_buffer<usual_arguments> body;
        try {
            put_arguments(body, arguments...);
        } catch (...) {
            return refuse(std::move(reply), target->get_executor());
        }
        call_request r{message::call(name, {bson::type::array, body}), std::move(options)};
        place_call::start(std::move(reply), target, r);
    }

  private:
    // Bytes that the arguments of a call are given without an allocation.
    static constexpr std::size_t usual_arguments = 128;

    template <class Reply> static void refuse(Reply reply, const any_io_executor& fallback) {
        const auto executor = executor_of(reply, fallback);
        asio::post(executor, [reply = std::move(reply), e = std::current_exception()]() mutable {
            reply.fail(e);
        });
    }
};

} // namespace oocrpc::detail

// Its executor, allocator and cancellation slot are those of the handler within.
template <template <class, class> class Associator, class R, class Handler, class Default>
struct asio::associator<Associator, oocrpc::detail::typed_reply<R, Handler>, Default>
    : Associator<Handler, Default> {
    using reply = oocrpc::detail::typed_reply<R, Handler>;
    static auto get(const reply& r) noexcept {
        return Associator<Handler, Default>::get(r.handler);
    }
    static auto get(const reply& r, const Default& d) noexcept {
        return Associator<Handler, Default>::get(r.handler, d);
    }
};
