// Records of type, length (2 bytes, little-endian) and data: what our client does, and what a
// server sends it. Of a message that is sent, length and responseTo are put right, unless it is of
// type 0.

#include "codec.hpp"

#include <oocrpc/mongodb_client_codec.hpp>

namespace fuzz {
namespace {

class talk {
  public:
    talk() : codec_(options(), 4096) { speak(); }

    static oocrpc::mongodb_client_options options() {
        oocrpc::mongodb_client_options o;
        o.database = "db";
        o.application = "fuzz";
        o.compressors = {"zlib", "snappy", "zstd"};
        return o;
    }

    void record(unsigned type, oocrpc::bytes data) {
        switch (type) {
        case 1:
            return call("demo.add", 0);
        case 2:
            return call("demo.count", 1 + static_cast<std::int32_t>(data.size()));
        case 3:
            return command(data);
        case 4:
            return about(oocrpc::message_kind::cancel, data);
        case 5:
            return about(oocrpc::message_kind::credit, data);
        default:
            return arrive(data, type != 0);
        }
    }
    bool over() const { return over_; }

  private:
    void call(std::string_view method, std::int32_t credit) {
        auto m = oocrpc::message::call(method);
        m.id = ++calls_;
        m.credit = credit;
        if (codec_.ready()) codec_.encode(m, out_);
        speak();
    }
    void command(oocrpc::bytes document) {
        if (oocrpc::bson::validate(document)) return;
        auto m = oocrpc::message::call("db.$cmd", {oocrpc::bson::type::document, document});
        m.id = ++calls_;
        if (codec_.ready()) codec_.encode(m, out_);
        speak();
    }
    void about(oocrpc::message_kind kind, oocrpc::bytes data) {
        auto m = oocrpc::message::control(kind, data.empty() ? calls_ : data[0]);
        m.credit = 1;
        codec_.encode(m, out_);
        speak();
    }
    void arrive(oocrpc::bytes data, bool put_right) {
        in_.append(data.data(), data.size());
        if (put_right && data.size() >= 16) {
            auto* at = in_.data() + in_.size() - data.size();
            for (int i = 0; i < 4; ++i) {
                at[i] = static_cast<std::uint8_t>(data.size() >> 8 * i);
                at[8 + i] = last_request_[i];
            }
        }
        oocrpc::bytes rest = in_;
        const auto end = read_all(codec_, rest, [](const oocrpc::message&) {});
        over_ = end != state::incomplete;
        in_.consume(in_.size() - rest.size());
        speak();
    }
    void speak() {
        codec_.speak(out_);
        while (out_.size() >= 16) { // whole messages, of which the last is remembered
            const auto* m = out_.data();
            const auto length = std::size_t{m[0]} | std::size_t{m[1]} << 8 |
                                std::size_t{m[2]} << 16 | std::size_t{m[3]} << 24;
            require(length >= 16 && length <= out_.size(), "what is sent is as long as it says");
            std::copy_n(m + 4, 4, last_request_);
            out_.consume(length);
        }
        require(out_.empty(), "only whole messages are sent");
    }

    oocrpc::mongodb_client_codec codec_;
    oocrpc::byte_buffer in_, out_;
    std::uint8_t last_request_[4]{};
    std::int64_t calls_ = 0;
    bool over_ = false;
};

} // namespace

void mongodb_client(oocrpc::bytes data) {
    talk t;
    while (data.size() >= 3 && !t.over()) {
        const auto size = std::min<std::size_t>(data[1] | data[2] << 8, data.size() - 3);
        t.record(data[0], data.subspan(3, size));
        data = data.subspan(3 + size);
    }
}

} // namespace fuzz
