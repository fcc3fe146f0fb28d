#include "tls_files.hpp"

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <ctime>

#include <sys/stat.h>

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/pem.h>

#include <oocrpc/error.hpp>

namespace oocrpc::detail {
namespace {

constexpr std::size_t largest_file = 4u << 20; // a bundle of all CAs has 0.2 MiB

[[noreturn]] void refuse(const std::string& why) {
    throw rpc_error(errc::invalid_argument, why);
}

struct bio_free {
    void operator()(BIO* b) const noexcept { BIO_free(b); }
};
struct file_close {
    void operator()(std::FILE* f) const noexcept { std::fclose(f); }
};

std::unique_ptr<BIO, bio_free> reader_of(std::string_view text) {
    return std::unique_ptr<BIO, bio_free>(
        BIO_new_mem_buf(text.data(), static_cast<int>(text.size())));
}

/// Instead of asking on the terminal, which is OpenSSL's default.
int give_password(char* into, int room, int, void* from) {
    const auto& password = *static_cast<const std::string*>(from);
    const auto size = static_cast<int>(password.size());
    if (size == 0 || size > room) return -1;
    std::memcpy(into, password.data(), password.size());
    return size;
}

std::string text_of(const ASN1_TIME* when) {
    std::tm time{};
    char text[32] = "?";
    if (ASN1_TIME_to_tm(when, &time) == 1)
        std::strftime(text, sizeof(text), "%Y-%m-%d %H:%M:%S UTC", &time);
    return text;
}

} // namespace

pem_file::pem_file(std::string path) : path_(std::move(path)) {
    const auto fail = [this](const std::string& why) {
        refuse("cannot read '" + path_ + "': " + why);
    };
    std::unique_ptr<std::FILE, file_close> file(std::fopen(path_.c_str(), "rbe"));
    if (!file) fail(std::strerror(errno));
    struct stat is{};
    if (::fstat(::fileno(file.get()), &is) != 0) fail(std::strerror(errno));
    mode_ = is.st_mode & 0777;
    // Kept where it is overwritten later: it may hold a key.
    secret text(largest_file);
    const auto size = std::fread(text.data(), 1, text.size(), file.get());
    if (std::ferror(file.get())) fail(std::strerror(errno));
    if (size == text.size()) fail("it has more than 4 MiB");
    text_ = secret(text.view().substr(0, size));
}

std::vector<x509_ptr> pem_file::certificates() const {
    std::vector<x509_ptr> all;
    const auto from = reader_of(text());
    while (auto* one = PEM_read_bio_X509(from.get(), nullptr, nullptr, nullptr))
        all.emplace_back(one);
    const auto why = ERR_peek_last_error();
    ERR_clear_error();
    if (ERR_GET_REASON(why) != PEM_R_NO_START_LINE)
        refuse("'" + path_ + "': a certificate in it is broken");
    if (all.empty()) refuse("'" + path_ + "' holds no certificate in PEM");
    return all;
}

key_ptr pem_file::key(const std::string& password) const {
    const auto from = reader_of(text());
    auto given = password;
    key_ptr key(PEM_read_bio_PrivateKey(from.get(), nullptr, give_password, &given));
    cleanse(given);
    const auto why = ERR_peek_last_error();
    const bool encrypted = text().find("ENCRYPTED") != std::string_view::npos;
    ERR_clear_error();
    if (key) {
        require_private();
        return key;
    }
    if (encrypted && password.empty())
        refuse("the key '" + path_ + "' is encrypted, and there is no password for it");
    if (encrypted) refuse("the password does not open the key '" + path_ + "'");
    if (ERR_GET_REASON(why) == PEM_R_NO_START_LINE || ERR_GET_LIB(why) == ERR_LIB_OSSL_DECODER)
        refuse("'" + path_ + "' holds no private key in PEM");
    refuse("'" + path_ + "': the private key in it is broken");
}

/// Its group may read it: that is how a daemon without privileges gets it.
void pem_file::require_private() const {
    if (!(mode_ & S_IROTH)) return;
    char mode[16];
    std::snprintf(mode, sizeof(mode), "%o", mode_);
    refuse("every user of this machine can read the key '" + path_ + "' (its mode is " + mode +
           "): chmod o= it");
}

bool is_valid_now(const X509& certificate) {
    return X509_cmp_current_time(X509_get0_notBefore(&certificate)) < 0 &&
           X509_cmp_current_time(X509_get0_notAfter(&certificate)) > 0;
}

void require_valid_now(X509& certificate, const std::string& path) {
    const auto* begin = X509_get0_notBefore(&certificate);
    const auto* end = X509_get0_notAfter(&certificate);
    if (X509_cmp_current_time(begin) > 0)
        refuse("the certificate '" + path + "' is valid from " + text_of(begin) + " only");
    if (X509_cmp_current_time(end) < 0)
        refuse("the certificate '" + path + "' has expired on " + text_of(end));
}

std::string digest_of(const std::vector<const pem_file*>& files) {
    std::string all;
    for (const auto* f : files) {
        unsigned char digest[EVP_MAX_MD_SIZE];
        std::size_t size = 0;
        EVP_Q_digest(nullptr, "SHA256", nullptr, f->text().data(), f->text().size(), digest, &size);
        all.append(reinterpret_cast<const char*>(digest), size);
    }
    return all;
}

} // namespace oocrpc::detail
