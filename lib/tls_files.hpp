#pragma once

#include <memory>
#include <string>
#include <vector>

#include <openssl/evp.h>
#include <openssl/x509.h>

#include <oocrpc/secret.hpp>

namespace oocrpc::detail {

struct x509_free {
    void operator()(X509* x) const noexcept { X509_free(x); }
};
struct key_free {
    void operator()(EVP_PKEY* k) const noexcept { EVP_PKEY_free(k); }
};
using x509_ptr = std::unique_ptr<X509, x509_free>;
using key_ptr = std::unique_ptr<EVP_PKEY, key_free>;

/// A PEM file, as it was when it was read. Errors are rpc_error(invalid_argument) that name it.
class pem_file {
  public:
    explicit pem_file(std::string path);

    /// All of its certificates, at least one.
    std::vector<x509_ptr> certificates() const;
    /// Its key, which not everybody may be allowed to read.
    key_ptr key(const std::string& password) const;

    const std::string& path() const noexcept { return path_; }
    std::string_view text() const noexcept { return text_.view(); }

  private:
    void require_private() const;

    std::string path_;
    unsigned mode_ = 0; // of the file
    secret text_;
};

bool is_valid_now(const X509& certificate);
/// Throws where a certificate of that file is not valid now.
void require_valid_now(X509& certificate, const std::string& path);
/// SHA-256 of the contents of all, in order.
std::string digest_of(const std::vector<const pem_file*>& files);

} // namespace oocrpc::detail
