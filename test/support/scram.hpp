#pragma once

#include <string>
#include <vector>

#include <oocrpc/scram.hpp>

namespace oocrpc::test {

/// A whole conversation, as a specification writes it.
struct scram_vector {
    const char* source;
    scram::mechanism mechanism;
    const char* user;
    const char* prepared; ///< what is hashed for the password
    std::string client_nonce, server_nonce;
    const char *salt, *stored_key, *server_key; ///< in base64
    std::uint32_t iterations;
    std::string client_first, server_first, client_final, server_final;
};

inline const std::vector<scram_vector>& scram_vectors() {
    static const std::vector<scram_vector> all{
        {"RFC 5802, section 5", scram::mechanism::sha_1, "user", "pencil",
         "fyko+d2lbbFgONRv9qkxdawL", "3rfcNHYJY1ZVvWVs7j", "QSXCR+Q6sek8bf92",
         "6dlGYMOdZcOPutkcNY8U2g7vK9Y=", "D+CSWLOshSulAsxiupA+qs2/fTE=", 4096,
         "n,,n=user,r=fyko+d2lbbFgONRv9qkxdawL",
         "r=fyko+d2lbbFgONRv9qkxdawL3rfcNHYJY1ZVvWVs7j,s=QSXCR+Q6sek8bf92,i=4096",
         "c=biws,r=fyko+d2lbbFgONRv9qkxdawL3rfcNHYJY1ZVvWVs7j,p=v0X8v3Bz2T0CJGbJQyF0X+HI4Ts=",
         "v=rmF9pqV8S7suAoZWja4dJRkFsKQ="},
        // The password is pencil, too: hex(md5("user:mongo:pencil")).
        {"MongoDB's auth.md", scram::mechanism::sha_1, "user", "1c33006ec1ffd90f9cadcbcc0e118200",
         "fyko+d2lbbFgONRv9qkxdawL", "Ho+Vgk7qvUOKUwuWLIWg4l/9SraGMHEE", "rQ9ZY3MntBeuP3E1TDVC4w==",
         "p5z6n7Utqf+pLBkaeJk4T3eBOOA=", "lRrVHyqMX+OOqGvpcvv9anlA8IQ=", 10000,
         "n,,n=user,r=fyko+d2lbbFgONRv9qkxdawL",
         "r=fyko+d2lbbFgONRv9qkxdawLHo+Vgk7qvUOKUwuWLIWg4l/9SraGMHEE,"
         "s=rQ9ZY3MntBeuP3E1TDVC4w==,i=10000",
         "c=biws,r=fyko+d2lbbFgONRv9qkxdawLHo+Vgk7qvUOKUwuWLIWg4l/9SraGMHEE,"
         "p=MC2T8BvbmWRckDw8oWl5IVghwCY=",
         "v=UMWeI25JD1yNYZRMpZ4VHvhZ9e0="},
        {"RFC 7677, section 3, and MongoDB's auth.md", scram::mechanism::sha_256, "user", "pencil",
         "rOprNGfwEbeRWgbNEkqO", "%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0",
         "W22ZaJ0SNY7soEsUEjb6gQ==", "WG5d8oPm3OtcPnkdi4Uo7BkeZkBFzpcXkuLmtbsT4qY=",
         "wfPLwcE6nTWhTAmQ7tl2KeoiWGPlZqQxSrmfPwDl2dU=", 4096, "n,,n=user,r=rOprNGfwEbeRWgbNEkqO",
         "r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096",
         "c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,"
         "p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=",
         "v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4="},
    };
    return all;
}

/// The vector's credentials.
inline scram::credentials credentials_of(const scram_vector& v) {
    return scram::credentials::parse(std::string(to_string(v.mechanism)) + '$' +
                                     std::to_string(v.iterations) + ':' + v.salt + '$' +
                                     v.stored_key + ':' + v.server_key)
        .value();
}

} // namespace oocrpc::test
