#pragma once

#include <cstdio>
#include <filesystem>
#include <memory>
#include <stdexcept>
#include <string>

#include <sys/stat.h>

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include "temporary.hpp"

namespace oocrpc::test {

/// Certificates and keys made for one test, as PEM files that go with it.
class authority {
    struct free_all {
        void operator()(EVP_PKEY* k) const { EVP_PKEY_free(k); }
        void operator()(X509* x) const { X509_free(x); }
        void operator()(X509_EXTENSION* e) const { X509_EXTENSION_free(e); }
        void operator()(std::FILE* f) const { std::fclose(f); }
    };
    using key = std::unique_ptr<EVP_PKEY, free_all>;
    using certificate = std::unique_ptr<X509, free_all>;

  public:
    /// What a certificate says; times are seconds from now.
    struct wish {
        std::string subject = "server"; ///< its common name
        std::string names = "DNS:alpha";
        long from = -3600;
        long until = 3600;
    };
    /// A certificate and its key in one file.
    struct issued {
        temporary_path file;
        std::string path() const { return file.path; }
        /// Replaces the key by the same one, encrypted.
        void encrypt(const std::string& password) const {
            std::unique_ptr<std::FILE, free_all> in(std::fopen(file.path.c_str(), "re"));
            const certificate x(PEM_read_X509(in.get(), nullptr, nullptr, nullptr));
            const key k(PEM_read_PrivateKey(in.get(), nullptr, nullptr, nullptr));
            in.reset(std::fopen(file.path.c_str(), "we"));
            PEM_write_X509(in.get(), x.get());
            PEM_write_PKCS8PrivateKey(in.get(), k.get(), EVP_aes_128_cbc(), password.c_str(),
                                      static_cast<int>(password.size()), nullptr, nullptr);
        }
    };

    explicit authority(const std::string& name = "test CA") : key_(new_key()) {
        wish own;
        own.subject = name;
        own.names.clear();
        certificate_ = make(own, *key_, true);
        write(ca_.path, nullptr);
    }
    std::string ca() const { return ca_.path; }

    std::unique_ptr<issued> issue(const wish& w) const {
        auto made = std::make_unique<issued>();
        issue_into(made->file.path, w);
        return made;
    }
    /// The same, in place of what is there.
    void issue_into(const std::string& path, const wish& w) const {
        const auto key = new_key();
        const auto certificate = make(w, *key, false);
        write(path, key.get(), certificate.get());
    }

  private:
    static key new_key() { return key(EVP_EC_gen("P-256")); }

    certificate make(const wish& w, EVP_PKEY& key, bool is_ca) const {
        static long serial = 0;
        certificate x(X509_new());
        X509_set_version(x.get(), 2);
        ASN1_INTEGER_set(X509_get_serialNumber(x.get()), ++serial);
        X509_gmtime_adj(X509_getm_notBefore(x.get()), w.from);
        X509_gmtime_adj(X509_getm_notAfter(x.get()), w.until);
        X509_set_pubkey(x.get(), &key);
        auto* subject = X509_get_subject_name(x.get());
        const auto* text = reinterpret_cast<const unsigned char*>(w.subject.c_str());
        X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_UTF8, text, -1, -1, 0);
        X509_set_issuer_name(x.get(),
                             certificate_ ? X509_get_subject_name(certificate_.get()) : subject);
        extend(*x, NID_basic_constraints, is_ca ? "critical,CA:TRUE" : "critical,CA:FALSE");
        if (!w.names.empty()) extend(*x, NID_subject_alt_name, w.names);
        X509_sign(x.get(), key_.get(), EVP_sha256());
        return x;
    }
    static void extend(X509& x, int what, const std::string& value) {
        const std::unique_ptr<X509_EXTENSION, free_all> e(
            X509V3_EXT_conf_nid(nullptr, nullptr, what, value.c_str()));
        if (!e) throw std::invalid_argument(value);
        X509_add_ext(&x, e.get(), -1);
    }
    void write(const std::string& path, EVP_PKEY* key, X509* which = nullptr) const {
        const std::unique_ptr<std::FILE, free_all> file(std::fopen(path.c_str(), "we"));
        if (!file) throw std::runtime_error(path);
        ::fchmod(::fileno(file.get()), 0600);
        PEM_write_X509(file.get(), which ? which : certificate_.get());
        if (key) PEM_write_PrivateKey(file.get(), key, nullptr, nullptr, 0, nullptr, nullptr);
    }

    key key_;
    certificate certificate_;
    temporary_path ca_;
};

} // namespace oocrpc::test
