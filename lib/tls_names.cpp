#include "tls_names.hpp"

#include <algorithm>
#include <memory>

#include <arpa/inet.h>

#include <openssl/bio.h>
#include <openssl/x509v3.h>

namespace oocrpc::detail {
namespace {

constexpr std::size_t most_shown = 10;
constexpr std::size_t longest_shown = 255; // as a name of DNS

struct bio_free {
    void operator()(BIO* b) const noexcept { BIO_free(b); }
};
struct names_free {
    void operator()(GENERAL_NAMES* n) const noexcept { GENERAL_NAMES_free(n); }
};

std::string_view view(const ASN1_STRING* text) {
    return {reinterpret_cast<const char*>(ASN1_STRING_get0_data(text)),
            static_cast<std::size_t>(ASN1_STRING_length(text))};
}

/// Somebody may have had a name certified that ends for some readers before it ends.
bool is_plain(std::string_view text) {
    return !text.empty() && std::ranges::all_of(text, [](char c) { return c > ' ' && c < '\x7f'; });
}

std::string address_of(std::string_view bytes) {
    char text[INET6_ADDRSTRLEN] = "";
    if (bytes.size() == 4) inet_ntop(AF_INET, bytes.data(), text, sizeof(text));
    if (bytes.size() == 16) inet_ntop(AF_INET6, bytes.data(), text, sizeof(text));
    return text;
}

std::string text_of(const GENERAL_NAME& name) {
    int type = 0;
    const void* value = GENERAL_NAME_get0_value(&name, &type);
    const char* kind = type == GEN_DNS     ? "DNS:"
                       : type == GEN_EMAIL ? "email:"
                       : type == GEN_URI   ? "URI:"
                       : type == GEN_IPADD ? "IP:"
                                           : nullptr;
    if (!kind) return {};
    auto text = std::string(view(static_cast<const ASN1_STRING*>(value)));
    if (type == GEN_IPADD) text = address_of(text);
    return is_plain(text) ? kind + text : std::string();
}

} // namespace

std::string subject_of(const X509& certificate) {
    const std::unique_ptr<BIO, bio_free> out(BIO_new(BIO_s_mem()));
    X509_NAME_print_ex(out.get(), X509_get_subject_name(&certificate), 0, XN_FLAG_RFC2253);
    const char* text = nullptr;
    const auto size = BIO_get_mem_data(out.get(), &text);
    return size > 0 ? std::string(text, static_cast<std::size_t>(size)) : std::string();
}

std::vector<std::string> names_of(const X509& certificate) {
    const std::unique_ptr<GENERAL_NAMES, names_free> names(static_cast<GENERAL_NAMES*>(
        X509_get_ext_d2i(&certificate, NID_subject_alt_name, nullptr, nullptr)));
    std::vector<std::string> all;
    for (int i = 0; i < sk_GENERAL_NAME_num(names.get()); ++i)
        if (auto text = text_of(*sk_GENERAL_NAME_value(names.get(), i)); !text.empty())
            all.push_back(std::move(text));
    return all;
}

std::string listed(const std::vector<std::string>& names) {
    std::string all;
    for (std::size_t i = 0; i < std::min(names.size(), most_shown); ++i)
        all += (i == 0                  ? ""
                : i + 1 == names.size() ? " and "
                                        : ", ") +
               names[i].substr(0, longest_shown);
    if (names.size() > most_shown) all += " and others";
    return all.empty() ? "no name" : all;
}

} // namespace oocrpc::detail
