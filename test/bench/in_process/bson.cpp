// How long it takes to validate, read and write BSON, beside libbson and nlohmann's json where they
// are there. A benchmark is called OPERATION/DOCUMENT/LIBRARY; `read` validates first, as whoever
// was sent the document has to.

#include <algorithm>
#include <functional>

#include <benchmark/benchmark.h>

#include "of_oocrpc.hpp"
#ifdef BENCH_LIBBSON
#include "of_libbson.hpp"
#endif
#include "of_nlohmann.hpp"

namespace {

using namespace bench;
using oocrpc::byte_buffer;
using oocrpc::bytes;

struct input {
    std::string label;
    byte_buffer document;
};

template <class Content> input make_input(std::string label, const Content& content) {
    input made{std::move(label), {}};
    of_oocrpc::write(made.document, content);
    return made;
}

// The benchmarks run after main() has registered them: what they refer to is kept there.
template <class F>
void add_benchmark(std::string operation, const std::string& label, const char* library, F f) {
    benchmark::RegisterBenchmark((operation + "/" + label + "/" + library).c_str(),
                                 [f](benchmark::State& s) {
                                     for (auto _ : s) f();
                                 });
}

template <class Library> void add_validate(const input& in) {
    require(Library::validate(in.document), "the benchmark's document is not valid");
    add_benchmark("validate", in.label, Library::name, [&in] {
        auto sound = Library::validate(in.document);
        benchmark::DoNotOptimize(sound);
    });
}

/// Reads `in` by `read`, which has to find `expected` there.
template <class Library, class Read, class Content>
void add_read(const input& in, Read read, const Content& expected) {
    require(read(bytes(in.document)) == expected, "not what the document holds was read");
    add_benchmark("read", in.label, Library::name, [&in, read] {
        auto found = read(bytes(in.document));
        benchmark::DoNotOptimize(found);
    });
}

/// Writes `content`, which has to give the bytes of `in`.
template <class Library, class Content> void add_write(const input& in, const Content& content) {
    typename Library::document out;
    Library::write(out, content);
    if constexpr (requires { Library::content(out); })
        require(std::ranges::equal(Library::content(out), bytes(in.document)),
                "not the same document was written");
    add_benchmark("write", in.label, Library::name, [&content] {
        thread_local typename Library::document reused;
        Library::write(reused, content);
        benchmark::DoNotOptimize(reused);
    });
}

struct inputs {
    input small = make_input("call", add);
    input frame{"call", {}};
    std::vector<item> items_1k = make_items(1 << 10), items_64k = make_items(64 << 10);
    input items_1k_as_bson = make_input("items 1K", items_1k),
          items_64k_as_bson = make_input("items 64K", items_64k);
    std::string text_1k = make_text(1 << 10, english), text_64k = make_text(64 << 10, english),
                mixed_64k = make_text(64 << 10, mixed);
    input text_1k_as_bson = make_input("text 1K", text_1k),
          text_64k_as_bson = make_input("text 64K", text_64k),
          mixed_64k_as_bson = make_input("mixed text 64K", mixed_64k);

    inputs() { of_native_codec::write(frame.document, add); }
};

template <class Library> void add_all(const inputs& all) {
    add_read<Library>(all.small, Library::read_call, add);
    add_read<Library>(all.items_1k_as_bson, Library::read_items, all.items_1k);
    add_read<Library>(all.items_64k_as_bson, Library::read_items, all.items_64k);
    add_read<Library>(all.text_1k_as_bson, Library::read_text, all.text_1k);
    add_read<Library>(all.text_64k_as_bson, Library::read_text, all.text_64k);
    add_write<Library>(all.small, add);
    add_write<Library>(all.items_1k_as_bson, all.items_1k);
    add_write<Library>(all.items_64k_as_bson, all.items_64k);
    add_write<Library>(all.text_64k_as_bson, all.text_64k);
    if constexpr (requires { Library::validate(bytes()); })
        for (const auto* in : {&all.small, &all.items_1k_as_bson, &all.items_64k_as_bson,
                               &all.text_64k_as_bson, &all.mixed_64k_as_bson})
            add_validate<Library>(*in);
}

} // namespace

int main(int argc, char** argv) {
    const inputs all;
    add_all<of_oocrpc>(all);
#ifdef BENCH_LIBBSON
    add_all<of_libbson>(all);
#endif
    add_all<of_nlohmann>(all);
    add_read<of_native_codec>(all.frame, of_native_codec::read_call, add);
    benchmark::Initialize(&argc, argv);
    benchmark::RunSpecifiedBenchmarks();
}
